"""The limit of run time: a job over it fails in clear words, keeps its archive, and its attempts add up."""

import time
from collections.abc import Callable, Iterator

import pytest

from core.runtime.progress import Step
from store import leases
from store import models as m
from store.settings import Settings
from tests.support.rows import dataset_of, job_of, must_claim, new_check, new_job
from tests.support.waiting import wait_until
from worker.context import WorkerContext, open_worker_context
from worker.executor import run_claimed
from worker.running_job import RunningJob
from worker.time_limit import limit_text

LIMIT = 0.6


@pytest.fixture
def limited(make_settings: Callable[..., Settings]) -> Iterator[WorkerContext]:
    context = open_worker_context(make_settings(max_run_seconds=LIMIT))
    yield context
    context.database.dispose()


@pytest.fixture(autouse=True)
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job works until it is stopped."""

    def work(job: RunningJob) -> None:
        while True:
            job.lease.progress(Step(stage="evidence", done=1, total=9, seconds=1.0))
            time.sleep(0.02)

    monkeypatch.setattr("worker.executor.run_handler", work)


def test_a_job_over_the_limit_fails_and_keeps_its_archive(limited: WorkerContext) -> None:
    without, with_archive = new_job(limited.database), new_job(limited.database)
    run_claimed(limited, must_claim(limited.database, without))
    row = job_of(limited.database, without)
    assert (row.state, row.error) == (m.FAILED, limit_text(LIMIT))
    assert row.error.startswith("It ran for longer than the 0.6 seconds that this service allows a job. ")
    claim = must_claim(limited.database, with_archive)
    with limited.database.write.begin() as session:
        assert leases.record_archive(session, claim, key="jobs/a/1/archive.zip", size=5)
    run_claimed(limited, claim)
    row = job_of(limited.database, with_archive)
    assert (row.state, row.archive_key) == (m.FAILED, "jobs/a/1/archive.zip")
    begins = "The images are protected and the archive is complete, but its protection could not be measured."
    assert row.error == f"{begins} {limit_text(LIMIT)}"


def test_an_upload_whose_check_takes_too_long_is_rejected(limited: WorkerContext) -> None:
    dataset_id, job_id = new_check(limited.database)
    run_claimed(limited, must_claim(limited.database, job_id))
    assert job_of(limited.database, job_id).state == m.FAILED
    row = dataset_of(limited.database, dataset_id)
    assert (row.state, row.error) == (m.REJECTED, limit_text(LIMIT))


def test_earlier_attempts_count(limited: WorkerContext) -> None:
    id_ = new_job(limited.database)
    claim = must_claim(limited.database, id_)
    with limited.database.write.begin() as session:
        leases.renew(session, claim, lease_seconds=30, ran_seconds=3_600.0)
        leases.release(session, claim)
    began = time.monotonic()
    run_claimed(limited, must_claim(limited.database, id_))
    assert job_of(limited.database, id_).state == m.FAILED
    assert time.monotonic() - began < 3
    assert job_of(limited.database, id_).ran_seconds >= 3_600


def test_without_a_limit_the_time_is_only_noted(context: WorkerContext) -> None:
    import threading

    id_ = new_job(context.database)
    thread = threading.Thread(target=run_claimed, args=(context, must_claim(context.database, id_)))
    thread.start()
    wait_until(lambda: job_of(context.database, id_).ran_seconds > LIMIT, seconds=20)
    assert job_of(context.database, id_).state == m.RUNNING
    with context.database.write.begin() as session:
        session.get_one(m.Job, id_).cancel_requested = True
    thread.join(20)
    assert job_of(context.database, id_).state == m.CANCELED


@pytest.mark.parametrize(("seconds", "words"), [(90, "90 seconds"), (1800, "30 minutes"), (86_400, "24 hours")])
def test_the_limit_in_words(seconds: float, words: str) -> None:
    assert f"than the {words} that" in limit_text(seconds)
