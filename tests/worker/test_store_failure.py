"""The object store fails at a bad moment: no job loses its result, and the files that stay are removed later."""

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
from tests.support.store_failure import FailingStore
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import run_job
from worker.job_files import delete_expired_datasets
from worker.recovery import recover


@pytest.mark.parametrize("kind", [m.PROTECT, m.TRAIN])
def test_a_job_succeeds_although_its_checkpoints_cannot_be_deleted(
    context: WorkerContext,
    upload: Upload,
    generator: m.Generator,
    failing_store: FailingStore,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    short = replace(QUICK.noise["em"], length=TrainingLength(epochs=0, min_updates=4, max_updates=4, batch=8))
    monkeypatch.setitem(PRESETS, "quick", replace(QUICK, noise=QUICK.noise | {"em": short}))
    dataset_id, check = upload(classes=2, per_class=4)
    run_job(context, check)
    options: dict[str, Any] = {"evidence": "none", "generator_id": generator.id} if kind == m.PROTECT else {}
    id_ = new_job(context.database, dataset_id=dataset_id, kind=kind, method="em", radius_u=6, radius_a=3, **options)
    with failing_store(f"jobs/{id_}/work") as refused:
        run_job(context, id_)
    assert refused
    row = job_of(context.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    if kind == m.PROTECT:
        assert all(context.files.exists(str(key)) for key in (row.archive_key, row.report_key, row.page_key))


def test_recovery_enqueues_jobs_although_files_cannot_be_deleted(
    context: WorkerContext, broker: "subprocess.Popen[bytes]", failing_store: FailingStore
) -> None:
    canceled, waiting = new_job(context.database), new_job(context.database)
    must_claim(context.database, canceled)
    context.files.write(checkpoint_key(canceled, "noise"), b"n")
    with context.database.write.begin() as session:
        jobs.request_cancel(session, canceled)
    expire(context.database, canceled)
    with failing_store(f"jobs/{canceled}"):
        swept = recover(context)
    assert (swept.canceled, swept.to_enqueue) == ((canceled,), ((waiting, m.PROTECT, "cpu"),))
    assert task_queue.queue_length(context.settings, "cpu") == 1


def test_every_expired_dataset_is_deleted_although_the_files_of_one_stay(
    context: WorkerContext, failing_store: FailingStore
) -> None:
    ids = [new_dataset(context.database) for _ in range(3)]
    for id_ in ids:
        context.files.write(upload_key(id_), b"u")
    with context.database.write.begin() as session:
        session.execute(update(m.Dataset).values(expires_at=utc_now() - timedelta(seconds=1)))
    with failing_store(f"datasets/{ids[0]}"):
        assert sorted(delete_expired_datasets(context)) == sorted(ids)
    assert context.files.list("datasets") == [upload_key(ids[0])]
