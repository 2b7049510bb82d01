"""Real Celery workers and a real Valkey: a job ends well and once, whichever process is killed."""

import os
import signal
import subprocess
import time

import pytest

from store import jobs, task_queue
from store import models as m
from tests.support.broker import start_broker
from tests.support.processes import Command, family_of, is_alive, pool_child
from tests.support.rows import dataset_of, job_of
from tests.support.suspension import suspended
from tests.support.waiting import wait_until
from tests.support.workers import Start, count_claims, enqueue, start_worker, wait_for_stage, wait_for_state
from tests.worker.conftest import Upload
from worker.context import WorkerContext

pytestmark = pytest.mark.timeout(600)
Server = subprocess.Popen
LONG = {"classes": 2, "per_class": 400, "size": 2500, "pixel_noise": 0}  # plain images: small files, but a long check


def test_an_enqueued_job_runs_at_once(context: WorkerContext, upload: Upload, check_worker: Command) -> None:
    dataset_id, job_id = upload(per_class=3)
    enqueue(context, job_id)
    row = wait_for_state(context, job_id, m.SUCCEEDED)
    assert dataset_of(context.database, dataset_id).state == m.READY
    assert row.started_at is not None
    assert (row.attempt, count_claims(check_worker)) == (1, 1)


@pytest.mark.slow
def test_a_job_that_is_enqueued_ten_times_runs_once(
    context: WorkerContext, upload: Upload, check_worker: Command
) -> None:
    _, job_id = upload(per_class=3)
    _, last = upload(per_class=3)
    for _ in range(10):
        enqueue(context, job_id)
    enqueue(context, last)
    wait_for_state(context, last, m.SUCCEEDED)
    assert job_of(context.database, job_id).attempt == 1
    assert count_claims(check_worker) == 2


def test_recovery_enqueues_a_job_whose_message_is_lost(
    context: WorkerContext, upload: Upload, check_worker: Command
) -> None:
    _, job_id = upload(per_class=3)
    wait_for_state(context, job_id, m.SUCCEEDED)


def test_a_job_runs_again_when_the_child_is_killed(
    context: WorkerContext, upload: Upload, check_worker: Command
) -> None:
    dataset_id, job_id = upload(**LONG)
    enqueue(context, job_id)
    wait_for_stage(context, job_id)
    child = pool_child(check_worker.pid)
    assert child is not None
    sandbox = family_of(child)[1:]
    os.kill(child, signal.SIGKILL)
    row = wait_for_state(context, job_id, m.SUCCEEDED)
    assert (row.attempt, count_claims(check_worker)) == (2, 2)
    assert dataset_of(context.database, dataset_id).images == 800
    assert [pid for pid in (child, *sandbox) if is_alive(pid)] == []
    wait_until(lambda: list(context.settings.scratch.glob("*.2")) == [], seconds=5)


@pytest.mark.slow
def test_jobs_survive_a_broker_that_loses_its_data(
    context: WorkerContext, upload: Upload, broker: "Server[bytes]", commands: Start
) -> None:
    _, running = upload(**LONG)
    _, waiting = upload(per_class=3)
    check_worker = start_worker(commands, context)
    enqueue(context, running)
    wait_for_stage(context, running)
    enqueue(context, waiting)
    broker.kill()
    broker.wait()
    for path in (context.settings.home / "broker").rglob("*"):
        if path.is_file():
            path.unlink()
    again = start_broker(context.settings)
    try:
        assert task_queue.queue_length(context.settings, m.CHECK) == 0
        wait_for_state(context, running, m.SUCCEEDED)
        wait_for_state(context, waiting, m.SUCCEEDED)
        assert count_claims(check_worker) == 2
    finally:
        check_worker.end()
        again.terminate()
        again.wait(10)


@pytest.mark.slow
def test_a_running_check_is_canceled_within_five_seconds(
    context: WorkerContext, upload: Upload, check_worker: Command
) -> None:
    _, job_id = upload(**LONG)
    enqueue(context, job_id)
    wait_for_stage(context, job_id)
    began = time.monotonic()
    with context.database.write.begin() as session:
        jobs.request_cancel(session, job_id)
    wait_for_state(context, job_id, m.CANCELED)
    assert time.monotonic() - began < 5
    wait_until(lambda: list(context.settings.scratch.iterdir()) == [], seconds=5)
    _, other = upload(per_class=3)
    enqueue(context, other)
    wait_for_state(context, other, m.SUCCEEDED)


def test_a_worker_that_is_stopped_releases_its_job(
    context: WorkerContext, upload: Upload, check_worker: Command, commands: Start
) -> None:
    _, job_id = upload(**LONG)
    enqueue(context, job_id)
    wait_for_stage(context, job_id)
    began = time.monotonic()
    assert check_worker.end() == 0
    assert time.monotonic() - began < 15, "it does not wait for the end of the check"
    row = job_of(context.database, job_id)
    assert (row.state, row.attempt, row.released) == (m.QUEUED, 1, 1)
    assert list(context.settings.scratch.iterdir()) == []
    start_worker(commands, context)
    wait_for_state(context, job_id, m.SUCCEEDED, seconds=400)


def child_after_first_job(context: WorkerContext, check_worker: Command, upload: Upload) -> int:
    """The worker's child, once it has run a job: only then does it have its own signal handler."""
    _, first = upload(per_class=3)
    enqueue(context, first)
    wait_for_state(context, first, m.SUCCEEDED)
    child = pool_child(check_worker.pid)
    assert child is not None
    return child


@pytest.mark.slow
def test_a_worker_stops_while_its_child_sends_results(
    context: WorkerContext, check_worker: Command, upload: Upload
) -> None:
    """If the child died while it sends a result, the worker would wait forever for the rest of the message."""
    child = child_after_first_job(context, check_worker, upload)
    for _ in range(20):
        enqueue(context, m.new_id())  # no such job: only the message matters
    os.kill(child, signal.SIGTERM)
    wait_until(lambda: check_worker.said().count("job.left_queued") > 3)
    assert is_alive(child)  # the signal did not kill it
    assert check_worker.end() == 0
    assert not is_alive(child)


@pytest.mark.slow
def test_a_worker_stops_soon_although_its_child_has_an_unread_message(
    context: WorkerContext, check_worker: Command, upload: Upload
) -> None:
    """The pool never reads the result of a task that it sent just before the stop: the child must not wait for that."""
    child = child_after_first_job(context, check_worker, upload)
    time.sleep(1)  # so that the child is idle
    os.kill(child, signal.SIGSTOP)
    enqueue(context, m.new_id())
    time.sleep(1)  # so that the pool sends the message to the suspended child
    check_worker.process.terminate()
    wait_until(lambda: "Warm shutdown" in check_worker.said())
    time.sleep(0.5)  # so that the pool gives the task up
    os.kill(child, signal.SIGCONT)
    began = time.monotonic()
    assert check_worker.process.wait(60) == 0
    assert time.monotonic() - began < 6
    assert check_worker.said().count("job.left_queued") == 1


def test_the_child_of_a_killed_idle_worker_ends(check_worker: Command) -> None:
    child = pool_child(check_worker.pid)
    assert child is not None
    check_worker.kill()
    wait_until(lambda: not is_alive(child), seconds=60)  # it may still be starting


@pytest.mark.slow
def test_a_suspended_worker_writes_nothing_after_its_lease_expired(
    context: WorkerContext, upload: Upload, check_worker: Command, commands: Start
) -> None:
    """SIGSTOP simulates a machine that hangs: the lease expires, and another worker runs the job."""
    dataset_id, job_id = upload(**LONG)
    enqueue(context, job_id)
    wait_for_stage(context, job_id)
    with suspended(family_of(check_worker.pid), context.database):
        other = start_worker(commands, context)
        wait_for_state(context, job_id, m.SUCCEEDED)
    after = job_of(context.database, job_id)
    wait_until(lambda: '"event": "job.lease_lost"' in check_worker.said(), seconds=30)
    _, next_job = upload(per_class=3)
    enqueue(context, next_job)
    wait_for_state(context, next_job, m.SUCCEEDED)
    assert job_of(context.database, job_id).seq == after.seq
    assert (after.attempt, dataset_of(context.database, dataset_id).images) == (2, 800)
    assert count_claims(check_worker, other) == 3


@pytest.mark.slow
def test_a_job_fails_with_the_reason_after_three_lost_attempts(
    context: WorkerContext, upload: Upload, check_worker: Command
) -> None:
    dataset_id, job_id = upload(**LONG)
    for attempt in (1, 2, 3):
        row = wait_until(
            lambda attempt=attempt: (r := wait_for_stage(context, job_id)).attempt == attempt and r, seconds=60
        )
        assert row.attempt == attempt
        child = pool_child(check_worker.pid)
        assert child is not None
        os.kill(child, signal.SIGKILL)
        wait_until(lambda child=child: not is_alive(child))
        wait_until(lambda: pool_child(check_worker.pid), seconds=30)
        wait_until(
            lambda attempt=attempt: (r := job_of(context.database, job_id)).attempt > attempt or r.state != m.RUNNING,
            seconds=30,
        )
    row = wait_for_state(context, job_id, m.FAILED)
    assert "3 times" in (row.error or "")
    assert "decoding" in (row.error or "")
    assert dataset_of(context.database, dataset_id).state == m.REJECTED
