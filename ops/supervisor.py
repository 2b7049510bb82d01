"""`unteachable up`: migrates, starts the broker, the workers and the API, restarts them, and stops them all."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

import structlog

from core.errors import SandboxTooWeak
from ops.admin import create_sign_in_link
from ops.broker import broker_command, is_broker_ready, prepare_broker
from ops.instance_lock import AlreadyInUse, DataDirLock, check_port, is_ready
from ops.preflight import UnusableSetting, require_usable_services
from ops.process import ManagedProcess, cli_command
from store import deployment, generators, migrate
from store.addresses import ServiceAddress, bracketed
from store.database import open_database
from store.logs import configure_logs
from store.object_store import open_object_store
from store.settings import Settings, get_settings
from store.task_queue import SCIENCE, SHORT, UPLOADS
from worker.sandbox_check import check_sandbox

START_TIMEOUT_SECONDS = 300  # a slow disk and busy cores may take long to import everything
STOP_TIMEOUT_SECONDS = 6
POLL_SECONDS = 0.2
MAX_FAILURES_AT_START = 3
BROKER = "broker"

log = structlog.get_logger()


def only_here_hint(address: ServiceAddress) -> str:
    """Say what to set so that other machines can use a service that listens on every address.

    Args:
        address: where the API listens.
    """
    example = f"http://{socket.gethostname()}:{address.port}"
    return (
        f"It listens on {bracketed(address.host)}, but answers only to localhost. For other machines, set "
        f"UNTEACHABLE_PUBLIC_URL to the address that their browsers use, such as {example}, or list further names in "
        "UNTEACHABLE_ALLOWED_HOSTS."
    )


class StartFailed(Exception):
    """The service could not be started. The message is for the operator."""


def run_up() -> int:
    """Run the service until Ctrl-C or SIGTERM; return the exit status."""
    settings = get_settings()
    configure_logs(settings)
    try:
        with DataDirLock(settings.home) as lock:
            check_port(settings.host, settings.port)
            return Supervisor(settings, lock).run()
    except (AlreadyInUse, StartFailed, UnusableSetting) as error:
        print(f"unteachable: {error}", file=sys.stderr)
        return 1


class Supervisor:
    """Starts the processes, restarts those that end, and stops them all at the end.

    Args:
        settings: the settings of this machine.
        lock: the locked data folder.
    """

    def __init__(self, settings: Settings, lock: DataDirLock) -> None:
        self._settings = settings
        self._lock = lock
        self._stopping = threading.Event()
        self._processes: list[ManagedProcess] = []

    def run(self) -> int:
        """Run from the migration until the last process has ended; return the exit status.

        Raises:
            StartFailed: a process does not start.
            UnusableSetting: a service refuses what the settings say.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self._check_sandbox()
            self._migrate()
            require_usable_services(self._settings)
            self._start_processes()
            self._wait_until(lambda: is_ready(self._settings.service_address), what="the API")
            if not self._stopping.is_set():
                self._print_address()
            while not self._stopping.wait(POLL_SECONDS):
                self._restart_ended()
        finally:
            self._stop()
        return 0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _check_sandbox(self) -> None:
        try:
            check_sandbox(self._settings)
        except SandboxTooWeak as error:
            raise StartFailed(str(error)) from None

    def _migrate(self) -> None:
        database = open_database(self._settings)
        try:
            migrate.upgrade(database)
            files = open_object_store(self._settings)
            found = deployment.adopt_if_new(self._settings, database, files)
            if found.reason is not None:
                log.warning("garbage.not_collected", reason=found.reason)
            generators.register_shipped(database, files)
        finally:
            database.dispose()

    def _start_processes(self) -> None:
        if not self._settings.broker_url:
            prepare = partial(prepare_broker, self._settings)
            self._start_process(BROKER, broker_command(self._settings), prepare=prepare)
            self._wait_until(lambda: is_broker_ready(self._settings.broker_socket), what="the broker")
        for queue in (UPLOADS, SCIENCE, SHORT):
            if queue == SHORT and not self._settings.short_seconds:
                continue
            self._start_process(f"worker-{queue}", cli_command("worker", "--queue", queue))
        self._start_process("api", cli_command("api"))

    def _start_process(self, name: str, command: list[str], *, prepare: Callable[[int], None] | None = None) -> None:
        process = ManagedProcess(name, command, lock=self._lock, log_bytes=self._settings.log_bytes, prepare=prepare)
        self._processes.append(process)
        process.start()

    def _wait_until(self, condition: Callable[[], bool], *, what: str) -> None:
        """Wait for a condition. Raises StartFailed after the timeout, or when a process keeps ending."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._stopping.is_set() and not condition():
            self._restart_ended()
            for process in self._processes:
                if process.failures >= MAX_FAILURES_AT_START:
                    raise StartFailed(
                        f"{process.name} ended {process.failures} times. The end of its log, {process.log_path}:\n"
                        f"{process.log_tail()}"
                    )
            if time.monotonic() > deadline:
                logs = self._lock.path / "logs"
                raise StartFailed(f"{what} was not ready within {START_TIMEOUT_SECONDS} s; see the logs in {logs}")
            self._stopping.wait(POLL_SECONDS)

    def _restart_ended(self) -> None:
        for process in self._processes:
            process.restart_if_ended()
            process.rotate_log()

    def _print_address(self) -> None:
        print(
            f"\n  Unteachable is running at {self._settings.address}\n"
            f"  Sign in (works once): {create_sign_in_link()}\n"
            f"  Data: {self._lock.path}    Stop: Ctrl-C\n",
            flush=True,
        )
        if self._settings.service_address.answers_only_here:
            print(f"  {only_here_hint(self._settings.service_address)}\n", flush=True)

    def _stop(self) -> None:
        """Stop the workers and the API first, because they need the broker until they end."""
        brokers = [process for process in self._processes if process.name == BROKER]
        for group in ([process for process in self._processes if process not in brokers], brokers):
            for process in group:
                process.terminate()
            deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
            for process in group:
                process.wait_or_kill(deadline)
        log.info("supervisor.stopped")
