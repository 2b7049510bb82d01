"""How many processes decode images at once, and how much memory each may take: by setting, else by this machine.

All of them together may take a third of the machine's memory, because up to three workers decode at the same time.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from core.limits import Limits

MAX_PROCESSES = 16  # beyond, the thread that writes the archive is the slowest part
SHARE = 3  # the processes of one sandbox may take this part of the memory
PROGRAM_BYTES = 1 << 30  # address space of a process before it decodes, with its libraries and their threads
BYTES_PER_PIXEL = 24  # of the operations on an image at their peak
MIN_BYTES = 640 << 20
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True, slots=True)
class DecoderResources:
    """What the processes of one sandbox may use.

    Attributes:
        processes: How many there are at most.
        bytes: The maximum address space of each.
    """

    processes: int
    bytes: int


def machine_memory() -> int:
    """The memory of this machine in bytes, or what its container may use of it."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            found = min(found, int(text))
    return found


def decoder_resources(limits: Limits, *, cores: int, memory: int) -> DecoderResources:
    """Choose what the processes of a sandbox may use.

    An image that needs more than one process may take is refused, with this reason. With the memory of a small machine
    this may be an image that `limits.pixels` allows.

    Args:
        limits: `decoders` and `decoder_bytes` decide where they are set; `pixels` is the largest image.
        cores: How many processor cores may be used.
        memory: The memory of the machine in bytes.
    """
    budget = memory // SHARE
    needed = PROGRAM_BYTES + BYTES_PER_PIXEL * limits.pixels
    each = limits.decoder_bytes or max(MIN_BYTES, min(needed, budget // 2))
    processes = limits.decoders or max(1, min(cores, MAX_PROCESSES, budget // each))
    return DecoderResources(processes, each)
