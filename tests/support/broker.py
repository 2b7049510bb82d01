"""A real broker for a test: a Valkey server at the broker address of its settings."""

import subprocess
import time

from ops.broker import broker_command, is_broker_ready, prepare_broker
from ops.process import terminate_with_parent
from store.settings import Settings

POLL_SECONDS = 0.02


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
