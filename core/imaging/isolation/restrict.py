"""Give up every right that decoding does not need, in the one order in which the kernel allows it."""

import os
import resource
import signal
import threading
from collections.abc import Collection
from contextlib import suppress

from core.imaging.isolation import kernel
from core.imaging.isolation.landlock import forbid_paths
from core.imaging.isolation.level import Isolation
from core.imaging.isolation.namespaces import separate
from core.imaging.isolation.seccomp import allow_decoding_only

MAX_DESCRIPTOR = 1 << 16  # looked at where the system does not list those that are open


def restrict(*, memory: int, descriptors: Collection[int], parent: int) -> Isolation:
    """Give up rights for good. Call it after all imports, before the first thread.

    Afterwards the process cannot open files, sockets or pipes, write to disk, dump core, start processes or gain
    privileges, and it ends with its parent. Every layer is applied, whatever the others achieve.

    Args:
        memory: Maximum address space in bytes.
        descriptors: The file descriptors that stay open; all others are closed, and no further one is free.
        parent: Id of the process that started this one.

    Returns:
        What the system allowed.
    """
    threads = _thread_count()
    _close_descriptors(descriptors)
    separation = separate()
    _set_limits(memory=memory)
    for option, value in (
        (kernel.PR_SET_NO_NEW_PRIVS, 1),
        (kernel.PR_SET_DUMPABLE, 0),  # also where crashes are piped to a program of the system
        (kernel.PR_SET_PDEATHSIG, signal.SIGKILL),
    ):
        with suppress(OSError):
            kernel.prctl(option, value)
    if os.getppid() != parent:
        os._exit(1)
    landlock = forbid_paths() if threads == 1 else 0
    _use_up_descriptors(highest=max(descriptors))
    syscalls = allow_decoding_only()
    if not syscalls:
        _limit(resource.RLIMIT_NPROC, 0)  # forbids threads too
    return Isolation(
        syscalls=syscalls,
        landlock=landlock,
        empty_root=separation.empty_root,
        network=separation.network,
        user=separation.user,
    )


def _thread_count() -> int:
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208
    except OSError:
        return threading.active_count()


def _set_limits(*, memory: int) -> None:
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_AS, memory),
    ):
        _limit(limit, value)


def _limit(limit: int, value: int) -> None:
    with suppress(ValueError, OSError):  # keep a limit that is tighter already
        resource.setrlimit(limit, (value, value))


def _close_descriptors(keep: Collection[int]) -> None:
    try:
        opened = [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    except OSError:
        opened = list(range(MAX_DESCRIPTOR))
    for descriptor in opened:
        if descriptor not in keep:
            with suppress(OSError):
                os.close(descriptor)


def _use_up_descriptors(*, highest: int) -> None:
    """Leave no file descriptor free, so that none can be opened."""
    _limit(resource.RLIMIT_NOFILE, highest + 1)
    with suppress(OSError):
        while True:
            os.dup(0)
