"""What the child process of a worker says about itself: that it lives, and which job it runs.

Each child has a file, which it locks as long as it lives and touches twice a second. So other processes of this machine
learn at once when it has ended, whatever ended it, and its parent notices when it hangs (`worker.child_watchdog`).
"""

import fcntl
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from store.settings import Settings

TOUCH_SECONDS = 0.5
MAX_STATUS_BYTES = 1024

_own: "ChildStatus | None" = None


@dataclass(frozen=True, slots=True)
class RunningClaim:
    """The job that a child runs, and the name under which it claimed the job."""

    job_id: str
    worker: str


def status_folder(settings: Settings) -> Path:
    """Return the folder of the status files of this machine's children."""
    return settings.home / "children"


def status_name(parent: int, child: int) -> str:
    """Return the name of a child's status file.

    Args:
        parent: the process id of the worker.
        child: the process id of its child.
    """
    return f"{re.sub(r'[^A-Za-z0-9-]', '-', socket.gethostname())[:100]}.{parent}.{child}"


class ChildStatus:
    """The status file of this process, which must be the child of a worker.

    Args:
        folder: the folder of the status files.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / status_name(os.getppid(), os.getpid())
        self._fd = _open_locked(self.path)
        os.ftruncate(self._fd, 0)
        threading.Thread(target=self._touch_repeatedly, name="child-status", daemon=True).start()

    def write(self, claim: RunningClaim | None) -> None:
        """Say which job this process runs.

        Args:
            claim: the job; None for none.
        """
        text = "" if claim is None else json.dumps({"job": claim.job_id, "worker": claim.worker})
        with suppress(OSError):  # a full disk: recovery then waits for the end of the lease
            os.pwrite(self._fd, text.encode().ljust(MAX_STATUS_BYTES), 0)

    def _touch_repeatedly(self) -> None:
        while True:
            with suppress(OSError):
                os.utime(self._fd)
            time.sleep(TOUCH_SECONDS)


def open_child_status(settings: Settings) -> None:
    """Open the status file of this process; call it once, when a child starts."""
    global _own
    _own = ChildStatus(status_folder(settings))


def announce_claim(claim: RunningClaim | None) -> None:
    """Say which job this process runs, None for none. Does nothing in a process that is no worker's child."""
    if _own is not None:
        _own.write(claim)


def has_ended(path: Path) -> bool:
    """Return whether the child of a status file has ended."""
    try:
        with path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


@contextmanager
def status_of_ended(path: Path) -> Iterator[RunningClaim | None]:
    """What a child ran when it ended; the block runs once for each child among all processes, and removes the file.

    Args:
        path: a status file.

    Raises:
        StillRuns: the child lives, or another process looks at its file.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise StillRuns from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StillRuns from None
        yield _parse(os.pread(fd, MAX_STATUS_BYTES, 0))
        path.unlink(missing_ok=True)
    finally:
        os.close(fd)


class StillRuns(Exception):
    """The child of a status file has not ended."""


def _open_locked(path: Path) -> int:
    """Open and lock a file, which another process may remove between the two steps: then open a new one."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(fd).st_ino:
                return fd
        os.close(fd)


def _parse(data: bytes) -> RunningClaim | None:
    try:
        content = json.loads(data.rstrip(b"\0 \n") or b"null")
        return None if content is None else RunningClaim(job_id=content["job"], worker=content["worker"])
    except (ValueError, KeyError, TypeError):  # the process ended while it wrote
        return None
