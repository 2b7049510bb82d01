"""Real workers that are suspended: a child that hangs is ended, a pause of everything harms nothing."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from store import leases
from store import models as m
from tests.support.processes import Command, family_of, is_alive, pool_child
from tests.support.rows import dataset_of, job_of, must_claim, new_check
from tests.support.suspension import suspended
from tests.support.waiting import wait_until
from tests.support.workers import Start, count_claims, enqueue, start_worker, wait_for_stage, wait_for_state
from tests.worker.conftest import Upload
from worker.context import WorkerContext

pytestmark = pytest.mark.timeout(600)
Server = subprocess.Popen
LONG = {"classes": 2, "per_class": 100, "size": 2000, "pixel_noise": 0}  # plain images: small files, but a long check


def test_a_child_that_hangs_is_ended_and_its_queue_goes_on(
    context: WorkerContext, upload: Upload, check_worker: Command
) -> None:
    """First while it runs a job, then while it is idle, where there is no lease that tells."""
    _, job_id = upload(**LONG)
    _, later = upload(per_class=3)
    enqueue(context, job_id)
    wait_for_stage(context, job_id)
    enqueue(context, later)
    first = pool_child(check_worker.pid)
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    assert wait_for_state(context, job_id, m.SUCCEEDED, seconds=120).attempt == 2
    assert not is_alive(first)
    wait_for_state(context, later, m.SUCCEEDED, seconds=120)

    second = pool_child(check_worker.pid)
    assert second is not None
    assert second != first
    os.kill(second, signal.SIGSTOP)
    _, last = upload(per_class=3)
    enqueue(context, last)
    assert wait_for_state(context, last, m.SUCCEEDED, seconds=120).attempt == 1
    assert not is_alive(second)
    assert check_worker.said().count("worker.child_hangs") == 2


@pytest.mark.slow
def test_a_pause_of_everything_costs_no_attempt_and_no_work(
    context: WorkerContext, upload: Upload, broker: "Server[bytes]", check_worker: Command, commands: Start
) -> None:
    """Two workers recover jobs, and everything stands still for three leases, as when the machine sleeps."""
    other = start_worker(commands, context, queue="short")
    dataset_id, job_id = upload(**LONG)
    time.sleep(context.settings.lease_seconds)  # so that recovery has watched long enough
    enqueue(context, job_id)
    wait_for_stage(context, job_id)
    everything = [broker.pid, *family_of(other.pid), *family_of(check_worker.pid)]
    with suspended(everything, context.database):
        time.sleep(3 * context.settings.lease_seconds)
        assert job_of(context.database, job_id).state == m.RUNNING
    row = wait_for_state(context, job_id, m.SUCCEEDED)
    assert (row.attempt, row.released, count_claims(check_worker)) == (1, 0, 1)
    found = dataset_of(context.database, dataset_id)
    assert (found.images, found.skipped) == (200, [])
    assert "recovery.pause_noticed" in check_worker.said() + other.said()
    assert "worker.child_hangs" not in check_worker.said() + other.said()


@pytest.mark.slow
def test_the_job_of_a_killed_worker_goes_on_before_those_that_wait(
    context: WorkerContext, upload: Upload, check_worker: Command, commands: Start
) -> None:
    _, job_id = upload(**LONG)
    waiting = [upload(per_class=3)[1] for _ in range(3)]
    enqueue(context, job_id)
    wait_for_stage(context, job_id)
    for id_ in waiting:
        enqueue(context, id_)
    began = time.monotonic()
    for pid in family_of(check_worker.pid):
        os.kill(pid, signal.SIGKILL)
    start_worker(commands, context)
    wait_until(lambda: job_of(context.database, job_id).attempt == 2, seconds=30)
    assert [job_of(context.database, id_).attempt for id_ in waiting] == [0, 0, 0]
    for id_ in (job_id, *waiting):
        wait_for_state(context, id_, m.SUCCEEDED)
    assert time.monotonic() - began < 120


@pytest.mark.slow
def test_a_released_job_goes_on_before_those_that_wait(
    context: WorkerContext, upload: Upload, check_worker: Command
) -> None:
    """Its message comes last, because recovery sends it: the order is that of the rows."""
    _, waiting = upload(per_class=3)
    _, begun = upload(per_class=3)
    held = must_claim(context.database, begun)
    with context.database.write.begin() as session:
        assert leases.release(session, held)
    enqueue(context, waiting)
    wait_for_state(context, waiting, m.SUCCEEDED)
    wait_for_state(context, begun, m.SUCCEEDED)
    said = check_worker.said()
    assert said.index(begun) < said.index(waiting)


HANGING = """
import ctypes, sys
from worker.context import process_context
from worker.handlers import check
def hang(job):
    if job.claim.attempt == 1:
        ctypes.PyDLL(None).sleep(1000)  # a call that keeps the interpreter's lock, as a driver may
check.run_check = hang
"""


@pytest.mark.slow
def test_a_call_that_never_returns_is_ended(
    context: WorkerContext, broker: "Server[bytes]", commands: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(HANGING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = start_worker(commands, context)
    _, job_id = new_check(context.database)
    enqueue(context, job_id)
    wait_until(lambda: job_of(context.database, job_id).attempt == 2, seconds=40)
    assert worker.said().count("worker.child_hangs") == 1
