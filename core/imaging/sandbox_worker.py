"""The inside of the sandbox: give up every right that decoding does not need, then decode on request.

`core.imaging.sandbox_process` starts this module as a process of its own. Frames come on standard input, and answers go
to standard output.
"""

import os
import resource
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Any, BinaryIO, NoReturn

from core.errors import ImageRefused
from core.imaging.decode import load_decoders
from core.imaging.isolation.restrict import restrict
from core.imaging.operations import OPERATIONS
from core.imaging.sandbox_protocol import Frame, pack, read_frame


def main(setup: dict[str, Any]) -> NoReturn:
    """Answer tasks until standard input ends.

    Args:
        setup: `pixels`, the maximum of one image; `memory`, the maximum address space in bytes; `parent`, the id of the
            process that started this one.
    """
    requests = os.fdopen(os.dup(0), "rb", buffering=1 << 20)
    responses = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)  # a stray print must not look like a response
    load_decoders(max_pixels=setup["pixels"])
    sys.path.clear()  # no module is looked for in files that cannot be reached
    os.getcwd = lambda: "/"  # Pillow makes names absolute, even empty ones; the process has no folder to ask for
    descriptors = {0, 1, 2, requests.fileno(), responses.fileno()}
    isolation = restrict(memory=setup["memory"], descriptors=descriptors, parent=setup["parent"])
    _write(responses, asdict(isolation), [])
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
