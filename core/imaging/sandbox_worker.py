"""The inside of the sandbox: give up every right that decoding does not need, then decode on request.

`core.imaging.sandbox_process` starts this module as a process of its own. Frames come on standard input, and answers go
to standard output.
"""

import os
import resource
import sys
from contextlib import suppress
from typing import Any, BinaryIO, NoReturn

from core.errors import ImageRefused
from core.imaging.decode import load_decoders
from core.imaging.operations import OPERATIONS
from core.imaging.process_filter import allow_threads_only
from core.imaging.sandbox_protocol import Frame, pack, read_frame

NOBODY = 65534  # user and group id without rights
PR_SET_NO_NEW_PRIVS = 38  # prctl(2)


def main(setup: dict[str, Any]) -> NoReturn:
    """Answer tasks until standard input ends.

    Args:
        setup: `pixels`, the maximum of one image, and `memory`, the maximum address space in bytes.
    """
    requests = os.fdopen(os.dup(0), "rb", buffering=1 << 20)
    responses = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)  # a stray print must not look like a response
    load_decoders(max_pixels=setup["pixels"])
    restrict(memory=setup["memory"])
    _write(responses, {"ready": True}, [])
    while (batch := read_frame(requests)) is not None:
        for message, blobs in [_read_task(requests) for _ in range(batch[0]["items"])]:
            _allow_cpu_seconds(message.pop("seconds"))
            _write(responses, *run_operation(message, blobs))
    os._exit(0)


def run_operation(message: dict[str, Any], blobs: list[bytes]) -> Frame:
    """Run one operation. Every exception becomes a `refused` value with the reason.

    Args:
        message: `op`, the operation's name, and its keyword arguments.
        blobs: Its positional arguments: the image file first.
    """
    operation = message.pop("op")
    try:
        return OPERATIONS[operation](*blobs, **message)
    except ImageRefused as refused:
        return {"refused": str(refused)}, []
    except MemoryError:
        return {"refused": "decoding it takes too much memory"}, []
    except Exception as error:  # hostile bytes make decoders raise anything; containing it is this process's purpose
        return {"refused": f"damaged: the decoder reports {type(error).__name__}: {str(error)[:160]}"}, []


def restrict(*, memory: int) -> None:
    """Give up rights for good. Call it after all imports.

    Afterwards the process cannot open files, sockets or pipes (no file descriptor is free), write to disk, dump core,
    start processes or gain privileges. It becomes the user `nobody` if the system allows that.

    Args:
        memory: Maximum address space in bytes.
    """
    highest_fd = max(int(name) for name in os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 8  # noqa: PTH208, PTH112
    if os.geteuid() == 0:
        with suppress(OSError):  # a container may have no such user, or no right to change
            os.setgroups([])
        with suppress(OSError):
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, highest_fd),
        (resource.RLIMIT_AS, memory),
    ):
        _limit(limit, value)
    with suppress(OSError):
        while True:
            os.dup(0)  # until no descriptor below the limit is free
    _set_no_new_privileges()
    if not allow_threads_only():
        _limit(resource.RLIMIT_NPROC, 0)  # forbids threads too


def _limit(limit: int, value: int) -> None:
    with suppress(ValueError, OSError):  # keep a limit that is tighter already
        resource.setrlimit(limit, (value, value))


def _set_no_new_privileges() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _allow_cpu_seconds(seconds: int) -> None:
    """Limit the CPU time from here on, so that the process ends even if its parent has died."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(usage.ru_utime + usage.ru_stime)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (spent + seconds + 1, resource.RLIM_INFINITY))


def _read_task(requests: BinaryIO) -> Frame:
    frame = read_frame(requests)
    if frame is None:
        os._exit(1)
    return frame


def _write(responses: BinaryIO, values: dict[str, Any], blobs: list[bytes]) -> None:
    chunks = pack(values, blobs)
    for chunk in [b"".join(chunks)] if sum(map(len, chunks)) < 1 << 16 else chunks:
        view = memoryview(chunk)
        while view:
            view = view[responses.write(view) :]
