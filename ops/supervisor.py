"""The whole service on one machine: migrate, start broker, workers and API, watch over them, and stop them all."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog

from ops.admin import fresh_link
from ops.broker import answers, broker_command
from ops.instance_lock import DataDirLock, InUse, check_port, is_ready
from ops.process import ManagedProcess, child_command
from store import generators, migrate
from store.database import open_database
from store.logs import configure_logs
from store.object_store import open_object_store
from store.settings import Settings, get_settings
from store.task_queue import QUEUE_NAMES

READY_SECONDS = 300  # a cold disk and busy cores may take long to import everything
STOP_SECONDS = 6
TICK = 0.2
BROKER = "broker"

log = structlog.get_logger()


class NotStarted(Exception):
    """The service could not be started, for a reason to tell."""


def run_up() -> int:
    """Run everything until Ctrl-C or SIGTERM; returns the exit status."""
    settings = get_settings()
    configure_logs(settings)
    try:
        with DataDirLock(settings.home) as folder:
            check_port(settings.host, settings.port)
            return Supervisor(settings, folder).run()
    except (InUse, NotStarted) as error:
        print(f"unteachable: {error}", file=sys.stderr)
        return 1


class Supervisor:
    """Starts the children, restarts those that die, and stops them all at the end."""

    def __init__(self, settings: Settings, folder: DataDirLock) -> None:
        self._settings = settings
        self._folder = folder
        self._stopping = threading.Event()
        self._children: list[ManagedProcess] = []

    def run(self) -> int:
        """From migration to the last child's end."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self._migrate()
            self._start()
            self._wait_until_ready()
            if not self._stopping.is_set():
                self._welcome()
            while not self._stopping.wait(TICK):
                self._watch()
        finally:
            self._stop()
        return 0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _migrate(self) -> None:
        database = open_database(self._settings)
        try:
            migrate.upgrade(database)
            generators.register_shipped(database, open_object_store(self._settings))
        finally:
            database.dispose()

    def _start(self) -> None:
        if not self._settings.broker_url:
            self._begin(BROKER, broker_command(self._settings))
            self._wait(lambda: answers(self._settings.broker_socket), what="the broker")
        for queue in QUEUE_NAMES:
            self._begin(f"worker-{queue}", child_command("worker", "--queue", queue))
        self._begin("api", child_command("api"))

    def _begin(self, name: str, command: list[str]) -> None:
        child = ManagedProcess(name, command, folder=self._folder)
        self._children.append(child)
        child.start()

    def _wait_until_ready(self) -> None:
        self._wait(lambda: is_ready(self._settings.host, self._settings.port), what="/readyz")

    def _wait(self, true: Callable[[], bool], *, what: str) -> None:
        """Wait for something to become true. Raises NotStarted when it does not, or a child keeps dying."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._stopping.is_set() and not true():
            self._watch()
            for child in self._children:
                if child.deaths >= 3:
                    raise NotStarted(
                        f"{child.name} does not stay up; its last words are in {child.log}\n{child.last_words()}"
                    )
            if time.monotonic() > deadline:
                raise NotStarted(f"{what} did not come up within {READY_SECONDS} s; see {self._folder.path / 'logs'}")
            self._stopping.wait(TICK)

    def _watch(self) -> None:
        for child in self._children:
            child.restart_if_dead()

    def _welcome(self) -> None:
        print(
            f"\n  Unteachable is running at {self._settings.address}\n"
            f"  Sign in (works once): {fresh_link()}\n"
            f"  Data: {self._folder.path}    Stop: Ctrl-C\n",
            flush=True,
        )

    def _stop(self) -> None:
        """Workers and API first, for they still need the broker; whoever does not end in time is killed."""
        brokers = [child for child in self._children if child.name == BROKER]
        for group in ([child for child in self._children if child not in brokers], brokers):
            for child in group:
                child.ask_to_stop()
            deadline = time.monotonic() + STOP_SECONDS
            for child in group:
                child.stop_by(deadline)
        log.info("up.stopped")
