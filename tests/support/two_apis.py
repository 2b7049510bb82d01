"""Two API processes with folders of their own, over one database, broker and S3 bucket."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from store import users
from store.database import open_database
from store.settings import Settings
from tests.support.processes import Command
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Machine:
    """One API process and its settings."""

    settings: Settings
    command: Command

    def answers(self) -> bool:
        """Whether it serves requests."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.settings.port}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def wait_until_ready(self) -> None:
        """Wait until it serves requests."""
        process = self.command.process
        wait_until(lambda: self.answers() or process.poll() is not None, seconds=90, what="an API to start")
        assert process.poll() is None, self.command.said()[-2000:]

    def kill(self) -> None:
        """Kill -9."""
        self.command.process.send_signal(signal.SIGKILL)
        self.command.process.wait()


@contextmanager
def two_apis(
    folder: Path, ports: tuple[int, int], shared: Callable[[Path], dict[str, Any]]
) -> Iterator[tuple[Machine, Machine, str]]:
    """Run two APIs for the length of a block.

    Args:
        folder: an empty folder; each API gets a folder in it.
        ports: where they listen.
        shared: the settings of what they share, for a data folder.

    Yields:
        Both, and a token of the local admin.
    """
    machines = []
    try:
        for port in ports:
            home = folder / f"machine-{port}"
            home.mkdir(parents=True)
            settings = Settings(_env_file=None, data_dir=home, port=port, **shared(home))
            machines.append(Machine(settings, Command(settings, "api", log=folder / f"{port}.log")))
        for machine in machines:
            machine.wait_until_ready()
        database = open_database(machines[0].settings)
        with database.write.begin() as session:
            token = users.create_token(session, user_id=users.local_admin(session).id, name="test")[1]
        database.dispose()
        yield machines[0], machines[1], token
    finally:
        for machine in machines:
            machine.command.process.kill()
            machine.command.process.wait()
