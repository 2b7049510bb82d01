"""Workers that have nothing to do, and so could help with a running job."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import models as m
from store.workers import worker_id_of
from store.workforce import Workforce


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """The workers that compute the same bytes, as far as their rows tell.

    Attributes:
        device: the device of one of them, in words.
        version: of the program.
    """

    device: str
    version: str

    def includes(self, worker: m.Worker) -> bool:
        """Return whether a worker is one of them. The number of its cores does not matter."""
        return worker.version == self.version and device_kind(worker.device) == device_kind(self.device)


def device_kind(device: str) -> str:
    """Return what kind of device a worker has.

    Args:
        device: in words, as `store.workers.WorkerCard` has it.
    """
    return device.partition(",")[0]


def idle_workers(session: Session, workforce: Workforce, queue: str, alike: Alike | None = None) -> list[str]:
    """Return the ids of the live workers of a queue that run no job and compute no piece.

    Args:
        session: reads jobs and pieces.
        workforce: the workers that there are.
        queue: one of `store.task_queue.QUEUE_NAMES`.
        alike: which of them; None for all.
    """
    busy = {
        worker_id_of(name)
        for rows in (m.Job, m.Piece)
        for name in session.scalars(select(rows.worker).where(rows.state == m.RUNNING))
    }
    serving = [worker for worker in workforce.serving(queue) if worker.id not in busy]
    return [worker.id for worker in serving if alike is None or alike.includes(worker)]
