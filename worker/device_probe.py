"""Which device a worker computes on, found by its parent process, which must not import torch."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog

from store.settings import Settings

GPU_FILES = ("nvidia[0-9]*", "dxg", "kfd")  # in /dev, where a machine has a GPU that torch may use
PROBE_SECONDS = 120  # a busy machine may take long to import torch
PROBE = """
import sys
import torch
print(torch.cuda.get_device_name(sys.argv[1]) if torch.cuda.is_available() else "")
"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedDevice:
    """The device of a worker.

    Attributes:
        label: its name for people.
        is_gpu: whether it is a GPU.
    """

    label: str
    is_gpu: bool


def cpu_device(settings: Settings) -> ProbedDevice:
    """Return the processor, with the cores that the settings allow."""
    cores = settings.threads or len(os.sched_getaffinity(0))
    return ProbedDevice(label=f"CPU, {cores} core{'' if cores == 1 else 's'}", is_gpu=False)


def probe_device(settings: Settings) -> ProbedDevice:
    """Return the device of the settings, or the best of this machine. Asks torch, in another process, only for a GPU.

    Args:
        settings: the device, and the number of cores.
    """
    has_gpu = any(next(Path("/dev").glob(name), None) is not None for name in GPU_FILES)
    if settings.device == "cpu" or not has_gpu:
        return cpu_device(settings)
    command = [sys.executable, "-P", "-c", PROBE, settings.device or "cuda"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("worker.gpu_not_found", error=str(error).splitlines()[0])
        return cpu_device(settings)
    name = answer.stdout.strip()
    return ProbedDevice(label=name, is_gpu=True) if name else cpu_device(settings)
