"""What a worker says about itself, before it takes its first job."""

import socket
from importlib.metadata import version

from store.models import new_id
from store.settings import Settings
from store.task_queue import CPU, GPU, SCIENCE
from store.workers import WorkerCard
from store.workforce import queues_of
from worker.device_probe import cpu_device, probe_device


class NoGPU(Exception):
    """A worker needs a GPU that its machine does not have. The message is for the operator."""


def describe_worker(settings: Settings, queue: str) -> WorkerCard:
    """Return what a worker of this machine says about itself.

    Args:
        settings: its device.
        queue: one of `store.task_queue.WORKER_NAMES`.

    Raises:
        NoGPU: the worker is for GPU jobs only, and this machine has no GPU.
    """
    device = probe_device(settings) if queue in (SCIENCE, CPU, GPU) else cpu_device(settings)
    if queue == GPU and not device.is_gpu:
        raise NoGPU("this machine has no GPU that torch can use: choose --queue cpu, or --queue science for any device")
    return WorkerCard(
        id=new_id(),
        host=socket.gethostname(),
        name=queue,
        queues=queues_of(queue, has_gpu=device.is_gpu),
        device=device.label,
        version=version("unteachable"),
    )
