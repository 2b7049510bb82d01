"""Real workers for tests: start them, enqueue jobs, and wait for what their rows and logs say."""

from collections.abc import Callable

from store import models as m
from store import task_queue
from tests.support.processes import Command, pool_child
from tests.support.rows import job_of
from tests.support.waiting import wait_until
from worker.context import WorkerContext

Start = Callable[..., Command]


def enqueue(context: WorkerContext, job_id: str, kind: str = m.CHECK) -> None:
    """Send the message for a job; fails without a broker."""
    assert task_queue.enqueue(context.settings, job_id=job_id, kind=kind)


def start_worker(commands: Start, context: WorkerContext, queue: str = "check") -> Command:
    """Start a worker; return it once it receives messages and has its child process."""
    command = commands(context.settings, "worker", "--queue", queue)

    def is_ready() -> bool:
        assert command.process.poll() is None, command.said()
        return "worker.ready" in command.said() and pool_child(command.pid) is not None

    wait_until(is_ready, seconds=240)  # importing torch takes long on a busy machine
    return command


def wait_for_state(context: WorkerContext, job_id: str, state: str, *, seconds: float = 120) -> m.Job:
    """Return the row once the job has this state."""
    row = wait_until(
        lambda: (r := job_of(context.database, job_id)).state == state and r,
        seconds=seconds,
        what=f"{job_id} {state}",
    )
    assert isinstance(row, m.Job)
    return row


def wait_for_stage(context: WorkerContext, job_id: str, stage: str = "decoding") -> m.Job:
    """Return the row once the job has done a part of this stage."""

    def working() -> m.Job | None:
        row = job_of(context.database, job_id)
        assert row.state in (m.QUEUED, m.RUNNING), f"it ended too early for this test: {row.error}"
        return row if row.stage == stage and 0 < row.done < row.total else None

    row = wait_until(working, seconds=120, what=f"{job_id} in {stage}")
    assert isinstance(row, m.Job)
    return row


def count_claims(*commands: Command) -> int:
    """Return how many times a job was claimed, according to the logs."""
    return sum(command.said().count('"event": "job.claimed"') for command in commands)
