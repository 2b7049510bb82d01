"""The learners on the originals of a dataset are trained by its first job; the next one takes their curves."""

import json
from typing import Any

import pytest

from store import models as m
from store.object_keys import dataset_prefix
from tests.support.rows import job_of, new_job
from tests.support.short_training import short_training
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import run_job

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


@pytest.fixture
def dataset(context: WorkerContext, upload: Upload) -> str:
    """A dataset that is ready, with enough images for evidence."""
    dataset_id, check = upload(classes=2, per_class=130)
    run_job(context, check)
    return dataset_id


def rows_of(context: WorkerContext, dataset_id: str, **spec: object) -> list[dict[str, Any]]:
    """The rows of a new job's evidence."""
    id_ = new_job(context.database, dataset_id=dataset_id, method="em", evidence="quick", **spec)
    with short_training():
        run_job(context, id_)
    row = job_of(context.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    assert row.report_key is not None
    rows: list[dict[str, Any]] = json.loads(context.files.load(row.report_key))["evidence"]["rows"]
    return rows


def kept_of(context: WorkerContext, dataset_id: str) -> list[str]:
    """The keys of the curves that are stored for a dataset."""
    return context.files.list(f"{dataset_prefix(dataset_id)}/curves")


def test_the_next_job_of_a_dataset_takes_the_curves_of_the_originals(context: WorkerContext, dataset: str) -> None:
    first = rows_of(context, dataset, radius_u=8)
    stored = kept_of(context, dataset)
    assert len(stored) == len(first)
    for key in stored:  # so that a curve that was taken can be told
        context.files.write(key, json.dumps(json.loads(context.files.load(key)) | {"loss": [-1.0]}).encode())
    second = rows_of(context, dataset, radius_u=16)
    assert kept_of(context, dataset) == stored
    for old, new in zip(first, second, strict=True):
        assert new["curves"]["before"] == old["curves"]["before"] | {"loss": [-1.0]}
        assert new["accuracy_before"] == old["accuracy_before"]
        assert new["curves"]["after"] != old["curves"]["after"]
