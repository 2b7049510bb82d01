"""A service of several machines on this one: two APIs and three workers, each with a folder of its own.

PostgreSQL, Valkey and SeaweedFS are started too. Processes that end are started again, as systemd does.
"""

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.reliability.background import in_background
from benchmarks.reliability.service import wait_for
from store import users
from store.database import open_database
from store.settings import Settings
from tests.support.balancer import round_robin
from tests.support.broker import ValkeyServer, valkey_server
from tests.support.ports import free_ports
from tests.support.postgres import PostgresServer
from tests.support.processes import Command, pool_child
from tests.support.s3 import Faults, S3Server, faulty_relay, s3_server
from tests.support.small_disk import small_disk

WORKERS = {"check": "check", "science-1": "science", "science-2": "science"}  # name to its queue
ON_SMALL_DISK = ("api-1", "science-1")
SMALL_DISK_MIB = 300
START_SECONDS = 240.0
RESTART_SECONDS = 0.5
STOP_SECONDS = 30.0


@dataclass
class Machine:
    """One process of the service, with a folder of its own.

    Attributes:
        name: api-1, api-2, or a worker's.
        settings: its settings.
        words: the arguments of `unteachable`.
        log: where its output goes.
        command: the process.
    """

    name: str
    settings: Settings
    words: tuple[str, ...]
    log: Path
    command: Command | None = None

    def start(self) -> None:
        """Start it, or start it again."""
        self.command = Command(self.settings, *self.words, log=self.log)

    def has_ended(self) -> bool:
        """Whether its process has ended by itself or was killed."""
        return self.command is not None and self.command.process.poll() is not None

    def kill(self, *, child: bool = False) -> None:
        """Kill -9 its process, or the child in which it runs jobs. Raises ProcessLookupError where there is none."""
        pid = self.command.pid if self.command and not self.has_ended() else None
        if child:
            pid = pool_child(pid) if pid else None
        if pid is None:
            raise ProcessLookupError(self.name)
        os.kill(pid, signal.SIGKILL)


@dataclass
class SeveralMachines:
    """The running service and what it runs on.

    Attributes:
        url: the balancer in front of both APIs.
        token: an API token of its admin.
        machines: its processes.
        database: PostgreSQL.
        broker: Valkey, with a password.
        s3: the process of SeaweedFS, and `faults` of the relay in front of it.
        disk: the small disk of ON_SMALL_DISK; None where this user may not mount one.
        statuses: how often clients got each status; 0 for a connection that ended.
    """

    url: str
    token: str
    machines: dict[str, Machine]
    database: PostgresServer
    broker: ValkeyServer
    s3: S3Server
    faults: Faults
    disk: Path | None
    statuses: Counter[int] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)

    def client(self) -> httpx.Client:
        """A client of the balancer with the admin's token."""

        def count(response: httpx.Response) -> None:
            self.statuses[response.status_code] += 1

        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, event_hooks={"response": [count]})

    def lose_broker(self) -> None:
        """Kill the broker, and start one that knows nothing. It ends with the thread that calls this."""
        self.broker.kill()
        self.broker.start()

    def are_ready(self) -> bool:
        """Whether both APIs answer that they are ready, and every worker says so by its child."""
        for machine in self.machines.values():
            if machine.command is None or machine.has_ended():
                return False
            if not machine.name.startswith("api"):
                if pool_child(machine.command.pid) is None:
                    return False
                continue
            try:
                if httpx.get(f"http://127.0.0.1:{machine.settings.port}/readyz", timeout=10).status_code != 200:
                    return False
            except httpx.TransportError:
                return False
        return True

    def log_text(self) -> str:
        """What all processes of the service wrote."""
        return "".join(machine.log.read_text(errors="replace") for machine in self.machines.values())


@contextmanager
def several_machines(folder: Path, **settings: Any) -> Iterator[SeveralMachines]:
    """Run the service for the length of a block.

    Args:
        folder: an empty folder, which every user may enter, with a short path.
        settings: settings of every process, beside those of what they share.
    """
    folders = {name: folder / name for name in ("pg", "broker", "disk", "machines")}
    for path in folders.values():
        path.mkdir()
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(folders["disk"], SMALL_DISK_MIB))
        database = PostgresServer(folders["pg"])
        database.start()
        stack.callback(lambda: database.stop(signal.SIGINT))
        s3 = stack.enter_context(s3_server())
        relay, faults = stack.enter_context(faulty_relay(s3))
        broker = stack.enter_context(valkey_server(folders["broker"], free_ports(1)[0]))
        shared = {"database_url": database.url, "broker_url": broker.url, **relay.settings(), **settings}
        ports = dict(zip(("api-1", "api-2"), free_ports(2), strict=True))
        balancer = stack.enter_context(round_robin(tuple(ports.values())))
        machines = {}
        for name in (*ports, *WORKERS):
            home = (folders["disk"] if disk and name in ON_SMALL_DISK else folders["machines"]) / name
            home.mkdir()
            own = Settings(_env_file=None, data_dir=home, port=ports.get(name, 8000), **shared)
            words = ("api",) if name in ports else ("worker", "--queue", WORKERS[name])
            machines[name] = Machine(name, own, words, folders["machines"] / f"{name}.log")
        token = _prepare(machines["api-2"].settings, folders["machines"] / "migrate.log")
        url = f"http://127.0.0.1:{balancer.port}"
        service = SeveralMachines(url, token, machines, database, broker, s3, faults, disk)
        with _kept_running(service):
            wait_for(service.are_ready, seconds=START_SECONDS)
            yield service


def _prepare(settings: Settings, log: Path) -> str:
    """Migrate the database; returns a token of the admin."""
    migrate = Command(settings, "migrate", log=log)
    assert migrate.process.wait(120) == 0, migrate.said()
    database = open_database(settings)
    with database.write.begin() as session:
        token = users.create_token(session, user_id=users.local_admin(session).id, name="chaos")[1]
    database.dispose()
    return token


@contextmanager
def _kept_running(service: SeveralMachines) -> Iterator[None]:
    """Start every process, and start again what ends, until the block is over; then end all."""

    def keep(over: threading.Event) -> None:  # the kernel ends a process with the thread that started it
        for machine in service.machines.values():
            machine.start()
        while not over.wait(RESTART_SECONDS):
            for name, machine in service.machines.items():
                if machine.has_ended():
                    service.restarts[name] += 1
                    machine.start()
        commands = [machine.command for machine in service.machines.values() if machine.command]
        for command in commands:
            command.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for command in commands:
            with suppress(subprocess.TimeoutExpired):
                command.process.wait(max(0.1, deadline - time.monotonic()))
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(command.pid, signal.SIGKILL)
            command.process.wait()

    with in_background(keep):
        yield
