"""Which workers there are for which queue, and so whether CPU workers take the jobs that need a GPU.

A job with the preset `paper` waits in the queue `gpu`. A worker without a GPU takes it only where the service has no
GPU: on a single machine it runs, slowly, as every other job does; beside a GPU worker it waits for the GPU worker.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import models as m
from store.clock import now
from store.settings import Settings
from store.task_queue import CPU, GPU, SCIENCE, SHORT

GPU_MEMORY = timedelta(hours=1)  # a GPU worker that ended without a word may come back


def queues_of(name: str, *, has_gpu: bool) -> tuple[str, ...]:
    """Return the queues from which a worker takes jobs, besides what `Workforce` adds.

    Args:
        name: one of `store.task_queue.WORKER_NAMES`.
        has_gpu: whether its device is a GPU.
    """
    if name == SCIENCE:
        return (GPU, CPU, SHORT) if has_gpu else (CPU, SHORT)
    return (CPU, SHORT) if name == CPU else (name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workforce:
    """The workers of one moment.

    Attributes:
        live: the rows of the workers that were seen within a lease.
        cpu_takes_gpu_jobs: whether workers of the queue `cpu` take the jobs of the queue `gpu` too.
    """

    live: tuple[m.Worker, ...]
    cpu_takes_gpu_jobs: bool

    def serving(self, queue: str) -> list[m.Worker]:
        """Return the live workers that take jobs of a queue.

        Args:
            queue: one of `store.task_queue.QUEUE_NAMES`.
        """
        wanted = {queue, self.message_queue(queue)}
        return [worker for worker in self.live if wanted & set(worker.queues)]

    def message_queue(self, queue: str) -> str:
        """Return the queue of the broker that wakes the workers of a queue of jobs.

        Args:
            queue: one of `store.task_queue.QUEUE_NAMES`.
        """
        return CPU if queue == GPU and self.cpu_takes_gpu_jobs else queue

    def queues_behind(self, message_queue: str) -> tuple[str, ...]:
        """Return the queues of which a worker may run a job after a message.

        Args:
            message_queue: the queue of the broker that the message came from.
        """
        if message_queue in (CPU, SCIENCE):
            return (CPU, GPU) if self.cpu_takes_gpu_jobs else (CPU,)
        return (message_queue,)


def read_workforce(session: Session, settings: Settings) -> Workforce:
    """Return the workers of this moment.

    Args:
        session: reads their rows.
        settings: how long a lease lasts, and which workers may take jobs that need a GPU.
    """
    moment = now(session)
    rows = session.scalars(select(m.Worker).order_by(m.Worker.id)).all()
    alive_since = moment - timedelta(seconds=settings.lease_seconds)
    has_gpu = any(GPU in row.queues and row.seen_at >= moment - GPU_MEMORY for row in rows)
    return Workforce(
        live=tuple(row for row in rows if row.seen_at >= alive_since),
        cpu_takes_gpu_jobs={"gpu": False, "any": True}.get(settings.gpu_jobs, not has_gpu),
    )
