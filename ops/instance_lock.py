"""What only one service at a time can use: its data folder and its port."""

import errno
import fcntl
import os
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from store.addresses import ServiceAddress, bracketed

LOCK_TIMEOUT_SECONDS = 6.0  # how long the processes of a killed service may need to end
POLL_SECONDS = 0.1
READY_REQUEST_TIMEOUT_SECONDS = 5
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach this machine's ports


class AlreadyInUse(Exception):
    """Another process uses the data folder or the port. The message says what to do."""


class DataDirLock:
    """Locks the data folder for as long as this object, or a process that inherited `fd`, lives.

    The processes of the service inherit the lock. So if the supervisor is killed, its folder stays locked until its
    last process has ended.

    Args:
        path: the data folder; it is created if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = -1

    def __enter__(self) -> Self:
        (self.path / "logs").mkdir(parents=True, exist_ok=True)
        self.fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while True:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = os.pread(self.fd, 32, 0).decode() or "?"
                if time.monotonic() > deadline or _is_alive(holder):
                    os.close(self.fd)
                    raise AlreadyInUse(
                        f"another Unteachable (process {holder}) uses {self.path}: stop it, or set "
                        "UNTEACHABLE_DATA_DIR and UNTEACHABLE_PORT to run a second service"
                    ) from None
                time.sleep(POLL_SECONDS)
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, str(os.getpid()).encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.fd)


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def check_port(host: str, port: int) -> None:
    """Check that the API can listen on an address.

    Args:
        host: a name or an IP address of this machine.
        port: a TCP port.

    Raises:
        AlreadyInUse: another process listens there, or the address does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            advice = "set UNTEACHABLE_PORT to a free port"
        elif error.errno in (errno.EACCES, errno.EPERM):
            advice = "only root may use this port; set UNTEACHABLE_PORT to one from 1024"
        else:
            advice = "set UNTEACHABLE_HOST to an address of this machine"
        raise AlreadyInUse(f"cannot listen on {bracketed(host)}:{port} ({error.strerror}): {advice}") from None


def is_ready(address: ServiceAddress) -> bool:
    """Return whether the API reports that it reaches the database, the broker and the object store.

    Args:
        address: where the API listens.
    """
    try:
        with _NO_PROXY.open(f"{address.local}/readyz", timeout=READY_REQUEST_TIMEOUT_SECONDS) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
