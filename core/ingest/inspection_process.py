"""Inspection in a process of its own, with bounded memory and time: no archive can exhaust the process that asks.

Start reading at `InspectionProcess.run`. The child's side is `main`.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from core.errors import BadInput, NotAnArchive, UploadTooLarge
from core.ingest.inspection import inspect_upload
from core.limits import Limits, readable_bytes

BASE_MEMORY = 256 << 20  # bytes: the interpreter, and what an xz stream may demand
MEMORY_PER_FILE = 3 << 10  # bytes: of its names and its entry in the directory of a zip
SLOW_NICENESS = 10
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # prctl(2)
_REFUSALS: dict[str, type[BadInput]] = {one.__name__: one for one in (BadInput, UploadTooLarge, NotAnArchive)}


class InspectionTimeout(Exception):
    """The inspection did not end in its time. The process was ended."""


class InspectionStopped(Exception):
    """The process was ended from outside, so nothing is known of the upload."""


class InspectionProcess:
    """One inspection in a process of its own.

    Args:
        source: The archive.
        limits: The maximum that it may hold. `files` bounds the memory of the process too.
        is_slow: Whether the process gives way to others.
    """

    def __init__(self, source: Path, limits: Limits, *, is_slow: bool = False) -> None:
        self._source, self._limits, self._is_slow = source, limits, is_slow
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def run(self, *, seconds: float) -> None:
        """Inspect the source as `inspect_upload` does. Blocks until the process has ended.

        Args:
            seconds: The longest time that it may take.

        Raises:
            BadInput: The upload cannot be used as a whole, or needs more memory than the process may take.
            InspectionTimeout: It takes longer.
            InspectionStopped: `stop` was called, or the system ended the process.
            OSError: The source cannot be read from disk.
        """
        with self._start(seconds) as process:
            self._process = process
            try:
                if self._is_stopped:
                    raise InspectionStopped
                answer, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                raise InspectionTimeout from None
            finally:
                process.kill()
        _raise_refusal(answer, self._limits, process.returncode)

    def stop(self) -> None:
        """End the process, from any thread. Does nothing if it has ended."""
        self._is_stopped = True
        if self._process is not None:
            self._process.kill()

    def _start(self, seconds: float) -> subprocess.Popen[bytes]:
        setup = {
            "path": sys.path,
            "source": os.fsencode(self._source).hex(),
            "limits": asdict(self._limits),
            "memory": memory_limit(self._limits),
            "seconds": int(seconds) + 1,
            "niceness": SLOW_NICENESS if self._is_slow else 0,
        }
        start = (
            "import json,sys;s=json.loads(sys.argv[1]);sys.path[:]=s['path'];"
            "import core.ingest.inspection_process as p;p.main(s)"
        )
        return subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", start, json.dumps(setup)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,  # Ctrl-C at the terminal reaches the application only
        )


def memory_limit(limits: Limits) -> int:
    """The maximum address space of an inspection in bytes.

    Args:
        limits: The maximum that an upload may hold.
    """
    return BASE_MEMORY + MEMORY_PER_FILE * limits.files


def _raise_refusal(answer: bytes, limits: Limits, exit_status: int) -> None:
    """Raise what the process says is wrong. A process without an answer has crashed, or has used up its CPU time."""
    if not answer:
        if exit_status == -signal.SIGXCPU:
            raise InspectionTimeout
        if exit_status == -signal.SIGKILL:
            raise InspectionStopped
        raise BadInput("This archive crashes the program that reads it; pack it again.")
    said = json.loads(answer)
    if said["kind"] == "ok":
        return
    if said["kind"] == "memory":
        maximum = readable_bytes(memory_limit(limits))
        raise UploadTooLarge(
            f"Reading this archive takes more than {maximum} of memory; send several smaller datasets."
        )
    if said["kind"] == "os":
        raise OSError(said["errno"], os.strerror(said["errno"]))
    raise _REFUSALS[said["kind"]](said["reason"], said["path"])


def main(setup: dict[str, Any]) -> NoReturn:
    """Inspect one upload, write the answer to standard output as JSON, and end.

    Args:
        setup: What `InspectionProcess` sends.
    """
    _restrict(memory=setup["memory"], seconds=setup["seconds"], niceness=setup["niceness"])
    source = Path(os.fsdecode(bytes.fromhex(setup["source"])))
    try:
        answer = json.dumps(_inspect(source, Limits(**setup["limits"])))
    except MemoryError:
        answer = '{"kind": "memory"}'
    os.write(1, answer.encode())
    os._exit(0)


def _inspect(source: Path, limits: Limits) -> dict[str, Any]:
    try:
        inspect_upload(source, limits)
    except BadInput as bad:
        return {"kind": type(bad).__name__, "reason": bad.reason, "path": bad.path}
    except OSError as error:
        return {"kind": "os", "errno": error.errno or errno.EIO}
    except MemoryError:
        raise
    except Exception as error:  # hostile bytes may raise anything; containing it is this process's purpose
        reason = f"This archive cannot be read ({type(error).__name__}); pack it again."
        return {"kind": BadInput.__name__, "reason": reason, "path": None}
    return {"kind": "ok"}


def _restrict(*, memory: int, seconds: int, niceness: int) -> None:
    """Give up for good what an inspection does not need: more memory and time, writing, core dumps, privileges."""
    os.nice(niceness)
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # keep a limit that is tighter already
            resource.setrlimit(limit, (value, value))
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # it must not outlive the service
