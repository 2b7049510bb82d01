"""The object store is away in the wrong moment: no job loses what it made, and what stays is removed later."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import obstore
import pytest
from obstore.exceptions import GenericError

from core.presets import PRESETS, QUICK, Length
from store import models as m
from tests.store.rows import job_of, new_job
from tests.worker.conftest import Upload
from worker.run import execute
from worker.service import Service

Away = Callable[[str], AbstractContextManager[list[str]]]


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    """`with away(PART) as refused:` the store lists and deletes nothing whose name has this part."""

    @contextmanager
    def part_is_away(part: str) -> Iterator[list[str]]:
        refused: list[str] = []

        def unless_away(real: Any) -> Any:
            def call(store: Any, name: str, *more: Any) -> Any:
                if part in name:
                    refused.append(name)
                    raise GenericError(f"{name}: 503 Slow Down")
                return real(store, name, *more)

            return call

        with monkeypatch.context() as patched:
            for verb in ("list", "delete"):
                patched.setattr(obstore, verb, unless_away(getattr(obstore, verb)))
            yield refused

    return part_is_away


@pytest.mark.parametrize("kind", [m.PROTECT, m.TRAIN])
def test_a_shelf_that_cannot_be_cleared_costs_no_result(
    service: Service, upload: Upload, generator: m.Generator, away: Away, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    short = replace(QUICK.noise["em"], length=Length(epochs=0, least=4, most=4, batch=8))
    monkeypatch.setitem(PRESETS, "quick", replace(QUICK, noise=QUICK.noise | {"em": short}))
    dataset_id, check = upload(classes=2, each=4)
    execute(service, check)
    using: dict[str, Any] = {"evidence": "none", "generator_id": generator.id} if kind == m.PROTECT else {}
    id_ = new_job(service.database, dataset_id=dataset_id, kind=kind, method="em", radius_u=6, radius_a=3, **using)
    with away(f"jobs/{id_}/work") as refused:
        execute(service, id_)
    assert refused
    row = job_of(service.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    if kind == m.PROTECT:
        assert all(service.files.exists(str(key)) for key in (row.archive_key, row.report_key, row.page_key))
