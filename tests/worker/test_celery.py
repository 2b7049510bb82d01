"""Real Celery workers and a real Valkey: whatever is killed, every job ends well, and once."""

import os
import signal
import subprocess
import time

import pytest

from ops.broker import start_broker
from store import jobs, task_queue
from store import models as m
from tests.support.job_events import Start, claims_in, in_the_middle, ring, until, worker
from tests.support.processes import Command, family_of, is_alive, pool_child
from tests.support.rows import dataset_of, job_of
from tests.support.waiting import wait_until
from tests.worker.conftest import Upload
from worker.context import WorkerContext

pytestmark = pytest.mark.timeout(600)
Server = subprocess.Popen
LONG = {"classes": 2, "per_class": 400, "size": 2500, "pixel_noise": 0}  # plain: small files, a long check


@pytest.fixture
def listening(service: WorkerContext, broker: "Server[bytes]", commands: Start) -> Command:
    return worker(commands, service)


def test_a_ring_runs_the_job_at_once(service: WorkerContext, upload: Upload, listening: Command) -> None:
    dataset_id, job_id = upload(per_class=3)
    ring(service, job_id)
    row = until(service, job_id, m.SUCCEEDED)
    assert dataset_of(service.database, dataset_id).state == m.READY
    assert row.started_at is not None
    assert (row.attempt, claims_in(listening)) == (1, 1)


def test_ringing_ten_times_runs_it_once(service: WorkerContext, upload: Upload, listening: Command) -> None:
    _, job_id = upload(per_class=3)
    _, last = upload(per_class=3)
    for _ in range(10):
        ring(service, job_id)
    ring(service, last)
    until(service, last, m.SUCCEEDED)
    assert job_of(service.database, job_id).attempt == 1
    assert claims_in(listening) == 2


def test_a_job_nobody_rang_for_is_found(service: WorkerContext, upload: Upload, listening: Command) -> None:
    _, job_id = upload(per_class=3)
    until(service, job_id, m.SUCCEEDED, seconds=15)


def test_the_child_is_killed_in_the_middle(service: WorkerContext, upload: Upload, listening: Command) -> None:
    dataset_id, job_id = upload(**LONG)
    ring(service, job_id)
    in_the_middle(service, job_id)
    child = pool_child(listening.pid)
    assert child is not None
    sandbox = family_of(child)[1:]
    os.kill(child, signal.SIGKILL)
    row = until(service, job_id, m.SUCCEEDED)
    assert (row.attempt, claims_in(listening)) == (2, 2)
    assert dataset_of(service.database, dataset_id).images == 800
    assert [pid for pid in (child, *sandbox) if is_alive(pid)] == []
    wait_until(lambda: list(service.settings.scratch.glob("*.2")) == [], seconds=5)


def test_the_whole_worker_is_killed_in_the_middle(
    service: WorkerContext, upload: Upload, listening: Command, commands: Start
) -> None:
    dataset_id, job_id = upload(**LONG)
    ring(service, job_id)
    in_the_middle(service, job_id)
    family = family_of(listening.pid)
    listening.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in family), seconds=5)
    again = worker(commands, service)
    row = until(service, job_id, m.SUCCEEDED)
    assert (row.attempt, claims_in(listening), claims_in(again)) == (2, 1, 1)
    assert dataset_of(service.database, dataset_id).state == m.READY
    wait_until(lambda: list(service.settings.scratch.iterdir()) == [], seconds=30)


def test_the_broker_is_killed_and_comes_back_empty(
    service: WorkerContext, upload: Upload, broker: "Server[bytes]", commands: Start
) -> None:
    _, running = upload(**LONG)
    _, waiting = upload(per_class=3)
    listening = worker(commands, service)
    ring(service, running)
    in_the_middle(service, running)
    ring(service, waiting)
    broker.kill()
    broker.wait()
    for path in (service.settings.home / "broker").rglob("*"):
        if path.is_file():
            path.unlink()
    again = start_broker(service.settings)
    try:
        assert task_queue.queue_length(service.settings, m.CHECK) == 0
        until(service, running, m.SUCCEEDED)
        until(service, waiting, m.SUCCEEDED)
        assert claims_in(listening) == 2
    finally:
        listening.end()
        again.terminate()
        again.wait(10)


def test_cancelling_in_the_middle(service: WorkerContext, upload: Upload, listening: Command) -> None:
    _, job_id = upload(**LONG)
    ring(service, job_id)
    in_the_middle(service, job_id)
    began = time.monotonic()
    with service.database.write.begin() as session:
        jobs.request_cancel(session, job_id)
    until(service, job_id, m.CANCELED)
    assert time.monotonic() - began < 5
    wait_until(lambda: list(service.settings.scratch.iterdir()) == [], seconds=5)
    _, other = upload(per_class=3)
    ring(service, other)
    until(service, other, m.SUCCEEDED)


def test_a_worker_that_is_stopped_hands_its_job_back(
    service: WorkerContext, upload: Upload, listening: Command, commands: Start
) -> None:
    _, job_id = upload(**LONG)
    ring(service, job_id)
    in_the_middle(service, job_id)
    began = time.monotonic()
    assert listening.end() == 0
    assert time.monotonic() - began < 6
    row = job_of(service.database, job_id)
    assert (row.state, row.attempt, row.handed_back) == (m.QUEUED, 1, 1)
    assert list(service.settings.scratch.iterdir()) == []
    worker(commands, service)
    until(service, job_id, m.SUCCEEDED)


def child_with_a_job_behind_it(service: WorkerContext, listening: Command, upload: Upload) -> int:
    """The child of a worker, which takes a stop as it does from its first job on."""
    _, first = upload(per_class=3)
    ring(service, first)
    until(service, first, m.SUCCEEDED)
    child = pool_child(listening.pid)
    assert child is not None
    return child


def test_a_worker_that_is_stopped_while_it_tells_how_jobs_ended_stops(
    service: WorkerContext, listening: Command, upload: Upload
) -> None:
    """A child that died in the middle of such a message would leave its parent waiting for the rest."""
    child = child_with_a_job_behind_it(service, listening, upload)
    for _ in range(20):
        ring(service, m.new_id())  # of no job: only the messages count
    os.kill(child, signal.SIGTERM)
    wait_until(lambda: listening.said().count("job.left_waiting") > 3)
    assert is_alive(child)  # so it was not ended by the signal, in whatever it was doing
    assert listening.end() == 0
    assert not is_alive(child)


def test_a_worker_that_is_stopped_as_it_hands_a_job_to_its_child_stops(
    service: WorkerContext, listening: Command, upload: Upload
) -> None:
    """The pool forgets such a job and never reads how it ended; the child must not wait half a minute for that."""
    child = child_with_a_job_behind_it(service, listening, upload)
    time.sleep(1)  # the child is idle
    os.kill(child, signal.SIGSTOP)
    ring(service, m.new_id())
    time.sleep(1)  # the pool writes it to the child, which does not answer
    listening.process.terminate()
    wait_until(lambda: "Warm shutdown" in listening.said())
    time.sleep(0.5)  # the pool forgets it
    os.kill(child, signal.SIGCONT)
    began = time.monotonic()
    assert listening.process.wait(60) == 0
    assert time.monotonic() - began < 6
    assert listening.said().count("job.left_waiting") == 1


def test_an_idle_worker_that_is_killed_leaves_no_child(listening: Command) -> None:
    child = pool_child(listening.pid)
    assert child is not None
    listening.kill()
    wait_until(lambda: not is_alive(child), seconds=60)  # it may only just have been started


def test_a_worker_that_slept_too_long_writes_nothing(
    service: WorkerContext, upload: Upload, listening: Command, commands: Start
) -> None:
    """A stopped process stands for a machine that hung: its lease runs out, and another worker takes the job."""
    dataset_id, job_id = upload(**LONG)
    ring(service, job_id)
    in_the_middle(service, job_id)
    family = family_of(listening.pid)
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        other = worker(commands, service)
        until(service, job_id, m.SUCCEEDED)
    finally:
        for pid in family:
            os.kill(pid, signal.SIGCONT)
    after = job_of(service.database, job_id)
    wait_until(lambda: '"event": "job.lost"' in listening.said(), seconds=30)
    _, next_job = upload(per_class=3)
    ring(service, next_job)
    until(service, next_job, m.SUCCEEDED)
    assert job_of(service.database, job_id).seq == after.seq
    assert (after.attempt, dataset_of(service.database, dataset_id).images) == (2, 800)
    assert claims_in(listening, other) == 3


def test_three_broken_attempts_fail_it_with_the_reason(
    service: WorkerContext, upload: Upload, listening: Command
) -> None:
    dataset_id, job_id = upload(**LONG)
    for attempt in (1, 2, 3):
        row = wait_until(
            lambda attempt=attempt: (r := in_the_middle(service, job_id)).attempt == attempt and r, seconds=60
        )
        assert row.attempt == attempt
        child = pool_child(listening.pid)
        assert child is not None
        os.kill(child, signal.SIGKILL)
        wait_until(lambda child=child: not is_alive(child))
        wait_until(lambda: pool_child(listening.pid), seconds=30)
        wait_until(
            lambda attempt=attempt: (r := job_of(service.database, job_id)).attempt > attempt or r.state != m.RUNNING,
            seconds=30,
        )
    row = until(service, job_id, m.FAILED)
    assert "3 times" in (row.error or "")
    assert "decoding" in (row.error or "")
    assert dataset_of(service.database, dataset_id).state == m.REJECTED
