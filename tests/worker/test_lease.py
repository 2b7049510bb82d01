"""The heartbeat: the lease stays alive, progress is written, and work stops when it must, or its process ends."""

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
from store.object_keys import checkpoint_key
from store.settings import Settings
from tests.support.processes import environment
from tests.support.rows import expire, job_of, must_claim, new_job
from tests.support.waiting import wait_until
from worker.context import WorkerContext, open_service
from worker.executor import execute
from worker.job_files import forget, result_prefix, scratch_folder
from worker.lease import STUCK, LeaseKeeper, is_running, request_process_stop
from worker.stop_reasons import LeaseLost, WorkerStopping

STEP = Step(stage="noise", done=3, total=12, seconds=6.0)


def work_until_stopped(lease: LeaseKeeper, *, seconds: float = 10) -> float:
    """Work that ticks like the science does; returns how long it went on. Raises what the heart raises."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        lease.progress(STEP)
        time.sleep(0.02)
    raise AssertionError("nobody stopped the work")


def claimed(service: WorkerContext) -> Claim:
    return must_claim(service.database, new_job(service.database))


def test_progress_reaches_the_row_and_renews_the_lease(service: WorkerContext) -> None:
    claim = claimed(service)
    before = job_of(service.database, claim.job_id)
    expire(service.database, claim.job_id)
    with LeaseKeeper(service, claim) as lease:
        lease.progress(STEP)
        row = wait_until(lambda: (r := job_of(service.database, claim.job_id)).stage and r)
    assert (row.stage, row.done, row.total, row.eta_seconds) == ("noise", 3, 12, 18.0)
    assert row.seq > before.seq
    with service.database.write.begin() as session:
        assert recover_jobs(session, max_attempts=3, enqueue_seconds=60).requeued == ()


def test_work_without_progress_keeps_its_lease(service: WorkerContext) -> None:
    claim = claimed(service)
    with LeaseKeeper(service, claim):
        deadline = time.monotonic() + 2 * service.settings.lease_seconds
        while time.monotonic() < deadline:
            with service.database.write.begin() as session:
                assert recover_jobs(session, max_attempts=3, enqueue_seconds=60).requeued == ()
            time.sleep(0.2)
    assert job_of(service.database, claim.job_id).state == m.RUNNING


def test_a_cancelled_job_stops_its_work(service: WorkerContext) -> None:
    claim = claimed(service)
    with service.database.write.begin() as session:
        jobs.request_cancel(session, claim.job_id)
    began = time.monotonic()
    with pytest.raises(Cancelled) as caught, LeaseKeeper(service, claim) as lease:
        work_until_stopped(lease)
    assert caught.type is Cancelled
    assert time.monotonic() - began < 2


def test_a_lost_job_stops_its_work(service: WorkerContext) -> None:
    claim = claimed(service)
    with service.database.write.begin() as session:
        leases.release(session, claim)
    with pytest.raises(LeaseLost), LeaseKeeper(service, claim) as lease:
        work_until_stopped(lease)


def test_a_stopping_worker_stops_its_work_and_begins_no_other(
    service: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lease._stopping", False)  # and back, after the test
    claim = claimed(service)
    timer = threading.Timer(0.2, request_process_stop)
    timer.start()
    with pytest.raises(WorkerStopping), LeaseKeeper(service, claim) as lease:
        work_until_stopped(lease)
    assert not is_running()
    with pytest.raises(WorkerStopping), LeaseKeeper(service, claim) as lease:  # claimed in the very moment
        lease.check()
    waiting = new_job(service.database)
    execute(service, waiting)
    row = job_of(service.database, waiting)
    assert (row.state, row.attempt) == (m.QUEUED, 0)


def test_when_the_database_is_gone_for_a_lease_the_job_is_lost(service: WorkerContext) -> None:
    claim = claimed(service)
    with service.database.write.begin() as session:
        session.execute(text("ALTER TABLE jobs RENAME TO away"))
    with pytest.raises(LeaseLost), LeaseKeeper(service, claim) as lease:
        work_until_stopped(lease)
    with service.database.write.begin() as session:
        session.execute(text("ALTER TABLE away RENAME TO jobs"))


@pytest.mark.parametrize("each_settings", ["postgresql"], indirect=True)
def test_when_the_database_says_nothing_for_a_lease_the_job_is_lost(each_settings: Settings) -> None:
    service = open_service(each_settings.model_copy(update={"lease_seconds": 1.5}))
    claim = claimed(service)
    asks = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    with service.database.read() as session:
        servers = list(session.execute(text(asks)).scalars())
    stopped = threading.Timer(0.5, lambda: [os.kill(pid, signal.SIGSTOP) for pid in servers])
    stopped.start()
    began = time.monotonic()
    try:
        with pytest.raises(LeaseLost), LeaseKeeper(service, claim) as lease:
            work_until_stopped(lease, seconds=30)
        assert time.monotonic() - began < 10
    finally:
        for pid in servers:
            os.kill(pid, signal.SIGCONT)
        lease._thread.join()
        service.database.dispose()


def test_a_process_that_was_held_up_for_a_lease_keeps_what_nobody_took(service: WorkerContext) -> None:
    claim = claimed(service)
    with LeaseKeeper(service, claim) as lease:
        lease._renewed -= 2 * service.settings.lease_seconds  # as if neither thread had run for so long
        lease.check()
    assert job_of(service.database, claim.job_id).state == m.RUNNING


STUBBORN = """
import sys, time
from store import leases, leases
from worker.lease import LeaseKeeper, request_process_stop
from worker.context import this_service
from worker.job_files import scratch
service = this_service()
with service.database.write.begin() as session:
    claim = leases.claim(session, sys.argv[1], worker="stubborn", lease_seconds=3)
with LeaseKeeper(service, claim), scratch(service, claim) as folder:
    (folder / "half").write_text("half")
    service.files.write(f"jobs/{claim.job_id}/results/1/archive.zip", b"half")
    print("working", flush=True)
    if sys.argv[2] == "stop":
        request_process_stop()
    time.sleep(60)
"""


@pytest.mark.parametrize(("why", "state"), [("cancel", m.CANCELED), ("stop", m.QUEUED)])
def test_stubborn_work_is_ended_with_its_process(service: WorkerContext, tmp_path: Path, why: str, state: str) -> None:
    id_ = new_job(service.database)
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN, id_, why],
        env=environment(service.settings),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    began = time.monotonic()
    if why == "cancel":
        with service.database.write.begin() as session:
            jobs.request_cancel(session, id_)
    wait_until(lambda: job_of(service.database, id_).state == state, seconds=6)
    assert time.monotonic() - began < 5
    assert process.wait(5) == STUCK
    process.stdout.close()
    assert list(service.settings.scratch.iterdir()) == []
    assert service.files.list(f"jobs/{id_}/results") == []


def test_what_a_job_that_succeeded_made_is_not_forgotten(service: WorkerContext) -> None:
    """As where only the answer to the last commit was lost, and the worker takes the job for lost."""
    claim = claimed(service)
    key = f"{result_prefix(claim)}/report.json"
    service.files.write(key, b"{}")
    service.files.write(checkpoint_key(claim.job_id, "noise"), b"n")
    with service.database.write.begin() as session:
        assert leases.succeed(session, claim, JobResult(report_key=key, page_key=key))
    forget(service, claim, keep_work=True)
    assert service.files.exists(key)
    lost = claimed(service)
    service.files.write(f"{result_prefix(lost)}/report.json", b"{}")
    with service.database.write.begin() as session:
        assert leases.release(session, lost)
    forget(service, lost, keep_work=True)
    assert service.files.list(f"jobs/{lost.job_id}") == []


def test_scratch_names_tell_the_attempt(service: WorkerContext) -> None:
    claim = claimed(service)
    assert scratch_folder(service, claim).name == f"{claim.job_id}.1"
