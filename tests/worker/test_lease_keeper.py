"""The lease keeper: it renews the lease, writes progress, and stops the work or ends its process."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from core.errors import Cancelled
from core.runtime.progress import Step
from store import jobs, leases
from store import models as m
from store.job_recovery import recover_jobs
from store.leases import Claim, JobResult
from store.object_keys import checkpoint_key, result_prefix
from store.settings import Settings
from tests.support.processes import environment
from tests.support.rows import expire, job_of, must_claim, new_job
from tests.support.waiting import wait_until
from worker.context import WorkerContext, open_worker_context
from worker.executor import run_job
from worker.job_files import clean_up, scratch_path
from worker.lease_keeper import EXIT_STUCK, LeaseKeeper, is_running, request_process_stop
from worker.stop_reasons import LeaseLost, WorkerStopping

STEP = Step(stage="noise", done=3, total=12, seconds=6.0)


def work_until_stopped(lease: LeaseKeeper, *, seconds: float = 10) -> None:
    """Report progress as the science does, until the lease keeper raises a stop reason."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        lease.progress(STEP)
        time.sleep(0.02)
    raise AssertionError("the work was not stopped")


def new_claim(context: WorkerContext) -> Claim:
    return must_claim(context.database, new_job(context.database))


def test_progress_is_written_and_renews_the_lease(context: WorkerContext) -> None:
    claim = new_claim(context)
    before = job_of(context.database, claim.job_id)
    expire(context.database, claim.job_id)
    with LeaseKeeper(context, claim) as lease:
        lease.progress(STEP)
        row = wait_until(lambda: (r := job_of(context.database, claim.job_id)).stage and r)
    assert (row.stage, row.done, row.total, row.eta_seconds) == ("noise", 3, 12, 18.0)
    assert row.seq > before.seq
    with context.database.write.begin() as session:
        assert recover_jobs(session, max_attempts=3, enqueue_seconds=60).requeued == ()


@pytest.mark.slow
def test_work_without_progress_keeps_its_lease(context: WorkerContext) -> None:
    claim = new_claim(context)
    with LeaseKeeper(context, claim):
        deadline = time.monotonic() + 2 * context.settings.lease_seconds
        while time.monotonic() < deadline:
            with context.database.write.begin() as session:
                assert recover_jobs(session, max_attempts=3, enqueue_seconds=60).requeued == ()
            time.sleep(0.2)
    assert job_of(context.database, claim.job_id).state == m.RUNNING


def test_the_work_of_a_canceled_job_stops(context: WorkerContext) -> None:
    claim = new_claim(context)
    with context.database.write.begin() as session:
        jobs.request_cancel(session, claim.job_id)
    began = time.monotonic()
    with pytest.raises(Cancelled) as caught, LeaseKeeper(context, claim) as lease:
        work_until_stopped(lease)
    assert caught.type is Cancelled
    assert time.monotonic() - began < 2


def test_the_work_of_a_lost_job_stops(context: WorkerContext) -> None:
    claim = new_claim(context)
    with context.database.write.begin() as session:
        leases.release(session, claim)
    with pytest.raises(LeaseLost), LeaseKeeper(context, claim) as lease:
        work_until_stopped(lease)


def test_a_stopping_worker_stops_its_work_and_claims_no_other_job(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lease_keeper._stopping", False)  # restored after the test
    claim = new_claim(context)
    timer = threading.Timer(0.2, request_process_stop)
    timer.start()
    with pytest.raises(WorkerStopping), LeaseKeeper(context, claim) as lease:
        work_until_stopped(lease)
    assert not is_running()
    with pytest.raises(WorkerStopping), LeaseKeeper(context, claim) as lease:  # claimed at the same moment
        lease.check()
    waiting = new_job(context.database)
    run_job(context, waiting)
    row = job_of(context.database, waiting)
    assert (row.state, row.attempt) == (m.QUEUED, 0)


def test_the_lease_is_lost_when_the_database_fails_for_as_long(context: WorkerContext) -> None:
    claim = new_claim(context)
    with context.database.write.begin() as session:
        session.execute(text("ALTER TABLE jobs RENAME TO away"))
    with pytest.raises(LeaseLost), LeaseKeeper(context, claim) as lease:
        work_until_stopped(lease)
    with context.database.write.begin() as session:
        session.execute(text("ALTER TABLE away RENAME TO jobs"))


@pytest.mark.parametrize("each_settings", ["postgresql"], indirect=True)
def test_the_lease_is_lost_when_the_database_is_silent_for_as_long(each_settings: Settings) -> None:
    context = open_worker_context(each_settings.model_copy(update={"lease_seconds": 1.5}))
    claim = new_claim(context)
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    with context.database.read() as session:
        servers = list(session.execute(text(query)).scalars())
    stopped = threading.Timer(0.5, lambda: [os.kill(pid, signal.SIGSTOP) for pid in servers])
    stopped.start()
    began = time.monotonic()
    try:
        with pytest.raises(LeaseLost), LeaseKeeper(context, claim) as lease:
            work_until_stopped(lease, seconds=30)
        assert time.monotonic() - began < 10
    finally:
        for pid in servers:
            os.kill(pid, signal.SIGCONT)
        lease._thread.join()
        context.database.dispose()


def test_a_process_that_was_suspended_keeps_a_job_that_no_other_worker_claimed(context: WorkerContext) -> None:
    claim = new_claim(context)
    with LeaseKeeper(context, claim) as lease:
        lease._renewed_at -= 2 * context.settings.lease_seconds  # as if no thread had run for two leases
        lease.check()
    assert job_of(context.database, claim.job_id).state == m.RUNNING


STUCK_WORK = """
import sys, time
from store import leases, leases
from worker.lease_keeper import LeaseKeeper, request_process_stop
from worker.context import process_context
from worker.job_files import scratch_folder
context = process_context()
with context.database.write.begin() as session:
    claim = leases.claim(session, sys.argv[1], worker="stuck", lease_seconds=3)
with LeaseKeeper(context, claim), scratch_folder(context, claim) as folder:
    (folder / "half").write_text("half")
    context.files.write(f"jobs/{claim.job_id}/results/1/archive.zip", b"half")
    print("working", flush=True)
    if sys.argv[2] == "stop":
        request_process_stop()
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("why", "state"), [("cancel", m.CANCELED), ("stop", m.QUEUED)])
def test_work_that_does_not_stop_is_ended_with_its_process(
    context: WorkerContext, tmp_path: Path, why: str, state: str
) -> None:
    id_ = new_job(context.database)
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK_WORK, id_, why],
        env=environment(context.settings),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    began = time.monotonic()
    if why == "cancel":
        with context.database.write.begin() as session:
            jobs.request_cancel(session, id_)
    wait_until(lambda: job_of(context.database, id_).state == state, seconds=6)
    assert time.monotonic() - began < 5
    assert process.wait(5) == EXIT_STUCK
    process.stdout.close()
    assert list(context.settings.scratch.iterdir()) == []
    assert context.files.list(f"jobs/{id_}/results") == []


def test_cleaning_up_keeps_the_results_of_a_job_that_succeeded(context: WorkerContext) -> None:
    """The commit may take effect without an answer, so that the worker believes the job to be lost."""
    claim = new_claim(context)
    key = f"{result_prefix(claim.job_id, claim.attempt)}/report.json"
    context.files.write(key, b"{}")
    context.files.write(checkpoint_key(claim.job_id, "noise"), b"n")
    with context.database.write.begin() as session:
        assert leases.succeed(session, claim, JobResult(report_key=key, page_key=key))
    clean_up(context, claim, keep_checkpoints=True)
    assert context.files.exists(key)
    lost = new_claim(context)
    context.files.write(f"{result_prefix(lost.job_id, lost.attempt)}/report.json", b"{}")
    with context.database.write.begin() as session:
        assert leases.release(session, lost)
    clean_up(context, lost, keep_checkpoints=True)
    assert context.files.list(f"jobs/{lost.job_id}") == []


def test_the_name_of_a_scratch_folder_contains_the_attempt(context: WorkerContext) -> None:
    claim = new_claim(context)
    assert scratch_path(context, claim).name == f"{claim.job_id}.1"


@pytest.mark.slow
def test_work_that_reports_nothing_for_very_long_is_ended_as_lost(context: WorkerContext) -> None:
    """Its lease is renewed all the while, as in a call that never returns and does not block other threads."""
    id_ = new_job(context.database)
    settings = context.settings.model_copy(update={"stall_seconds": 1.0, "cancel_seconds": 0.5})
    command = [sys.executable, "-c", STUCK_WORK, id_, "stall"]
    process = subprocess.Popen(command, env=environment(settings), stdout=subprocess.DEVNULL)
    assert process.wait(60) == EXIT_STUCK
    row = job_of(context.database, id_)
    assert (row.state, row.attempt, row.released) == (m.RUNNING, 1, 0)
