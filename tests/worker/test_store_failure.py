"""The object store is away in the wrong moment: no job loses what it made, and what stays is removed later."""

import subprocess
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from core.specs.configs import TrainingLength
from core.specs.presets import PRESETS, QUICK
from store import jobs, task_queue
from store import models as m
from store.clock import utc_now
from store.object_keys import checkpoint_key, upload_key
from tests.support.rows import expire, job_of, must_claim, new_dataset, new_job
from tests.support.store_failure import Away
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import execute
from worker.job_files import tidy_datasets
from worker.maintenance import sweep_once


@pytest.mark.parametrize("kind", [m.PROTECT, m.TRAIN])
def test_a_shelf_that_cannot_be_cleared_costs_no_result(
    service: WorkerContext,
    upload: Upload,
    generator: m.Generator,
    away: Away,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    short = replace(QUICK.noise["em"], length=TrainingLength(epochs=0, min_updates=4, max_updates=4, batch=8))
    monkeypatch.setitem(PRESETS, "quick", replace(QUICK, noise=QUICK.noise | {"em": short}))
    dataset_id, check = upload(classes=2, per_class=4)
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


def test_the_sweep_goes_on_and_rings(service: WorkerContext, broker: "subprocess.Popen[bytes]", away: Away) -> None:
    canceled, waiting = new_job(service.database), new_job(service.database)
    must_claim(service.database, canceled)
    service.files.write(checkpoint_key(canceled, "noise"), b"n")
    with service.database.write.begin() as session:
        jobs.request_cancel(session, canceled)
    expire(service.database, canceled)
    with away(f"jobs/{canceled}"):
        swept = sweep_once(service)
    assert (swept.canceled, swept.to_enqueue) == ((canceled,), ((waiting, m.PROTECT),))
    assert task_queue.queue_length(service.settings, m.PROTECT) == 1


def test_every_dataset_whose_time_is_over_goes(service: WorkerContext, away: Away) -> None:
    ids = [new_dataset(service.database) for _ in range(3)]
    for id_ in ids:
        service.files.write(upload_key(id_), b"u")
    with service.database.write.begin() as session:
        session.execute(update(m.Dataset).values(expires_at=utc_now() - timedelta(seconds=1)))
    with away(f"datasets/{ids[0]}"):
        assert sorted(tidy_datasets(service)) == sorted(ids)
    assert service.files.list("datasets") == [upload_key(ids[0])]
