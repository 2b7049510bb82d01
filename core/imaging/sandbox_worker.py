"""The inside of the sandbox: give up every right that decoding does not need, then turn bytes into pixels on request.

Only core.imaging.sandbox starts this, as a process of its own. Frames come on standard input, answers go to
standard output.
"""

import os
import resource
import sys
from contextlib import suppress
from typing import Any, BinaryIO, NoReturn

from core.errors import ImageRefused
from core.imaging.decode import prepare
from core.imaging.operations import OPERATIONS
from core.imaging.sandbox_protocol import pack, read_frame

NOBODY = 65534


def main(setup: dict[str, Any]) -> NoReturn:
    """Serve until standard input ends. setup: pixels, the limit of a picture; memory in bytes."""
    inbox = os.fdopen(os.dup(0), "rb", buffering=1 << 20)
    outbox = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)  # a stray print must not look like an answer
    prepare(pixels=setup["pixels"])
    restrict(memory=setup["memory"])
    _write(outbox, {"ready": True}, [])
    while (frame := read_frame(inbox)) is not None:
        for message, blobs in [_must(read_frame(inbox)) for _ in range(frame[0]["items"])]:
            _allow_seconds(message.pop("seconds"))
            _write(outbox, *answer(message, blobs))
    os._exit(0)


def answer(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Do one operation; whatever a decoder throws becomes a reason to skip this picture."""
    operation = message.pop("op")
    try:
        return OPERATIONS[operation](*blobs, **message)
    except ImageRefused as refused:
        return {"refused": str(refused)}, []
    except MemoryError:
        return {"refused": "it takes too much memory to decode"}, []
    except Exception as error:  # decoders raise anything at all on hostile bytes; this process exists to contain it
        return {"refused": f"damaged: the decoder says {type(error).__name__}: {str(error)[:160]}"}, []


def restrict(*, memory: int) -> None:
    """Give up rights for good, after everything that is needed has been imported.

    No new files, sockets or pipes (no free descriptor), nothing written to disk, no core dump, bounded memory; no
    privileges, no new processes, nobody's user where the system lets us become it.
    """
    used = max(int(name) for name in os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 8  # noqa: PTH208, PTH112
    if os.geteuid() == 0:
        with suppress(OSError):  # a container may have no such user, or no right to change
            os.setgroups([])
        with suppress(OSError):
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, used),
        (resource.RLIMIT_AS, memory),
    ):
        with suppress(ValueError, OSError):  # a limit that is already tighter stays
            resource.setrlimit(what, (most, most))
    with suppress(OSError):
        while True:
            os.dup(0)  # until every descriptor below the limit is taken
    _no_new_privileges()


def _no_new_privileges() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS


def _allow_seconds(seconds: int) -> None:
    """So many more seconds of CPU, counted from now: should our parent be gone, nothing spins for ever."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(usage.ru_utime + usage.ru_stime)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (spent + seconds + 1, resource.RLIM_INFINITY))


def _must(frame: Any) -> Any:
    if frame is None:
        os._exit(1)
    return frame


def _write(outbox: BinaryIO, values: dict[str, Any], blobs: list[bytes]) -> None:
    pieces = pack(values, blobs)
    for piece in [b"".join(pieces)] if sum(map(len, pieces)) < 1 << 16 else pieces:
        view = memoryview(piece)
        while view:
            view = view[outbox.write(view) :]
