"""A disk that is full for a while delays jobs; one that stays full fails them with the reason."""

import errno
from collections.abc import Callable

import pytest

from store import models as m
from tests.support.rows import dataset_of, job_of
from tests.support.waiting import wait_until
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import run_job
from worker.handlers import check

Usage = Callable[..., object]


def fill_disk(monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """Let the next checks fail as on a full disk."""
    real, left = check.run_check, [times]

    def run(job: object) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        real(job)  # type: ignore[arg-type]

    monkeypatch.setattr(check, "run_check", run)


def test_a_check_that_met_a_full_disk_runs_again(
    context: WorkerContext, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id, job_id = upload(per_class=3)
    fill_disk(monkeypatch, times=2)
    for attempt in (1, 2):
        assert run_job(context, job_id)
        row = job_of(context.database, job_id)
        assert (row.state, row.attempt, row.released) == (m.QUEUED, attempt, 0)
    assert run_job(context, job_id)
    assert dataset_of(context.database, dataset_id).state == m.READY


def test_a_disk_that_stays_full_fails_the_job_with_the_reason(
    context: WorkerContext, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id, job_id = upload(per_class=3)
    fill_disk(monkeypatch, times=context.settings.max_attempts)
    for _ in range(context.settings.max_attempts - 1):
        run_job(context, job_id)
    with pytest.raises(OSError, match="No space left"):
        run_job(context, job_id)
    assert job_of(context.database, job_id).state == m.FAILED
    assert "disk of this service is full" in (dataset_of(context.database, dataset_id).error or "")


def test_a_job_waits_for_space_and_is_requeued_then(
    context: WorkerContext, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, job_id = upload(per_class=3)
    fill_disk(monkeypatch, times=1)
    free = iter([0, 0, 1 << 40])
    monkeypatch.setattr("worker.disk_space._free_bytes", lambda _: next(free))
    monkeypatch.setattr("worker.disk_space.POLL_SECONDS", 0.01)
    run_job(context, job_id)
    assert list(free) == []
    wait_until(lambda: job_of(context.database, job_id).state == m.QUEUED, seconds=1)
