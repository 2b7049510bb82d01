"""What only one service at a time may have: its data folder and its port."""

import fcntl
import os
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE = 6.0  # seconds that the children of a killed service may need to leave the folder
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy leads back to this machine


class InUse(Exception):
    """Someone else has it; the message says what to do."""


class DataDirLock:
    """The data folder, locked for as long as this object or any child that was given `fd` lives.

    The children share the lock, so a service whose supervisor was killed keeps its folder until its last child is gone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = -1

    def __enter__(self) -> Self:
        (self.path / "logs").mkdir(parents=True, exist_ok=True)
        self.fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = os.pread(self.fd, 32, 0).decode() or "?"
                if time.monotonic() > deadline or _is_alive(holder):
                    os.close(self.fd)
                    raise InUse(
                        f"another Unteachable (process {holder}) uses {self.path}: stop that one, or set "
                        "UNTEACHABLE_DATA_DIR and UNTEACHABLE_PORT to run a second"
                    ) from None
                time.sleep(0.1)
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
    """Raises InUse where something listens there already, or the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InUse(
                f"cannot listen on {host}:{port} ({error.strerror}): set UNTEACHABLE_PORT to a free one"
            ) from None


def is_ready(host: str, port: int) -> bool:
    """Whether the API says that database, broker and store can be reached."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    try:
        with _DIRECT.open(f"http://{name}:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
