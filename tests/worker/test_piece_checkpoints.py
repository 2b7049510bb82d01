"""A helper that has lost its piece changes no checkpoint of the job, on both databases."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from core.runtime.checkpoints import CheckpointStore
from store import models as m
from store import piece_leases, pieces
from store.clock import now
from store.job_recovery import recover_jobs
from store.piece_leases import Helper, PieceClaim
from store.settings import Settings
from tests.support.rows import must_claim, new_job
from worker.checkpoint_store import job_checkpoints
from worker.context import WorkerContext, open_worker_context
from worker.stop_reasons import LeaseLost


@pytest.fixture
def on_each_database(each_settings: Settings) -> Iterator[WorkerContext]:
    context = open_worker_context(each_settings)
    yield context
    context.database.dispose()


def claim(context: WorkerContext, worker: str) -> PieceClaim:
    helper = Helper(queues=("cpu",), has="CPU", max_attempts=3)
    with context.database.write.begin() as session:
        claimed = piece_leases.claim(session, helper, worker=worker, lease_seconds=30)
    assert claimed is not None
    return claimed


def refuses(checkpoints: CheckpointStore) -> bool:
    """Whether it refuses both to save and to delete."""
    refused = 0
    for change in (lambda: checkpoints.save("noise-0.npy", b"late"), lambda: checkpoints.delete("noise-0.npy")):
        try:
            change()
        except LeaseLost:
            refused += 1
    assert refused in (0, 2)
    return refused == 2


def test_a_helper_that_has_lost_its_shard_saves_nothing(on_each_database: WorkerContext) -> None:
    context = on_each_database
    owner = must_claim(context.database, new_job(context.database))
    with context.database.write.begin() as session:
        assert pieces.publish(session, owner, ["noise-0"], queue="cpu", needs="CPU")
    stale = claim(context, "h1")
    with context.database.write.begin() as session:
        expired = {"lease_until": now(session) - timedelta(seconds=1)}
        session.execute(update(m.Piece).values(expired))
    with context.database.write.begin() as session:
        assert recover_jobs(session, max_attempts=3, enqueue_seconds=60).pieces == ((owner.job_id, "noise-0"),)
    assert refuses(job_checkpoints(context, stale))
    again = claim(context, "h2")
    assert refuses(job_checkpoints(context, stale))
    job_checkpoints(context, again).save("noise-0.npy", b"good")
    assert refuses(job_checkpoints(context, stale))
    assert job_checkpoints(context, owner).load("noise-0.npy") == b"good"
    with context.database.write.begin() as session:
        pieces.withdraw(session, owner.job_id, ["noise-0"])
    assert refuses(job_checkpoints(context, again))
    assert job_checkpoints(context, owner).load("noise-0.npy") == b"good"
