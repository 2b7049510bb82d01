"""Real workers for tests: started, rung, and watched through their rows and logs."""

from collections.abc import Callable

from store import models as m
from store import task_queue
from tests.support.processes import Command, pool_child
from tests.support.rows import job_of
from tests.support.waiting import wait_until
from worker.context import WorkerContext

Start = Callable[..., Command]


def ring(service: WorkerContext, job_id: str, kind: str = m.CHECK) -> None:
    assert task_queue.enqueue(service.settings, job_id=job_id, kind=kind)


def worker(commands: Start, service: WorkerContext, queue: str = "check") -> Command:
    """A worker that listens."""
    command = commands(service.settings, "worker", "--queue", queue)

    def listens() -> bool:
        assert command.process.poll() is None, command.said()
        return "worker.ready" in command.said() and pool_child(command.pid) is not None

    wait_until(listens, seconds=120)
    return command


def until(service: WorkerContext, job_id: str, state: str, *, seconds: float = 120) -> m.Job:
    """The row once it has this state."""
    row = wait_until(
        lambda: (r := job_of(service.database, job_id)).state == state and r,
        seconds=seconds,
        what=f"{job_id} {state}",
    )
    assert isinstance(row, m.Job)
    return row


def in_the_middle(service: WorkerContext, job_id: str, stage: str = "decoding") -> m.Job:
    """The row once the job has done some, and not all, of this stage."""

    def working() -> m.Job | None:
        row = job_of(service.database, job_id)
        assert row.state in (m.QUEUED, m.RUNNING), f"it ended before it could be disturbed: {row.error}"
        return row if row.stage == stage and 0 < row.done < row.total else None

    row = wait_until(working, seconds=120, what=f"{job_id} in {stage}")
    assert isinstance(row, m.Job)
    return row


def claims_in(*commands: Command) -> int:
    """How many times a job was claimed, by the logs."""
    return sum(command.said().count('"event": "job.claimed"') for command in commands)
