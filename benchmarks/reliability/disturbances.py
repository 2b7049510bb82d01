"""What `benchmarks.reliability.kills` does to a running service."""

import os
import random
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis

from benchmarks.reliability.service import BenchmarkService
from tests.support.postgres import PostgresServer
from tests.support.processes import family_of
from tests.support.small_disk import fill

PAUSE_SECONDS = 25.0  # longer than the lease of the service
OUTAGE_SECONDS = 6.0


@dataclass
class Disturber:
    """Disturbs a service in random ways, and counts them.

    Attributes:
        service: the service.
        database: its PostgreSQL server.
        disk: the small disk on which its data folder lies; None where there is none.
        random: chooses the disturbances.
        done: how often each was done.
    """

    service: BenchmarkService
    database: PostgresServer
    disk: Path | None
    random: random.Random
    done: Counter[str] = field(default_factory=Counter)

    def disturb(self) -> None:
        """Do one thing at random: mostly kill a process."""
        roles = sorted(self.service.processes())
        choices = [*(f"kill {role}" for role in roles for _ in range(2)), "stop a child", "empty the broker"]
        choices += ["lose the broker's files", "crash the database", "stop the database", "suspend everything"]
        choices += ["fill the disk"] if self.disk else []
        self.do(self.random.choice(choices))

    def do(self, what: str) -> None:
        """Do one thing by its name. What could not be done, as its process had ended meanwhile, is counted apart."""
        try:
            self._do(what)
            self.done[what] += 1
        except (ProcessLookupError, redis.RedisError):
            self.done[f"not done: {what}"] += 1

    def _do(self, what: str) -> None:
        if what.startswith("kill "):
            os.kill(self._one(what.removeprefix("kill ")), signal.SIGKILL)
        elif what == "stop a child":
            os.kill(self._one(self.random.choice(["worker-check child", "worker-science child"])), signal.SIGSTOP)
        elif what == "empty the broker":
            with redis.Redis(unix_socket_path=str(self.service.home / "broker.sock")) as broker:
                broker.flushall()
        elif what == "lose the broker's files":
            os.kill(self._one("broker"), signal.SIGKILL)
            shutil.rmtree(self.service.home / "broker", ignore_errors=True)
        elif what == "crash the database":
            self.database.stop(signal.SIGQUIT)
            self.database.start()
        elif what == "stop the database":
            self.database.stop(signal.SIGINT)
            time.sleep(OUTAGE_SECONDS)
            self.database.start()
        elif what == "suspend everything":
            self._suspend()
        else:
            self._fill_disk()

    def _one(self, role: str) -> int:
        pids = self.service.processes().get(role)
        if not pids:
            raise ProcessLookupError(role)
        return self.random.choice(pids)

    def _suspend(self) -> None:
        """Suspend all processes of the service, as when its machine sleeps."""
        family = family_of(self.service.process.pid)
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(PAUSE_SECONDS)
        finally:  # suspended processes would not end
            for pid in family:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _fill_disk(self) -> None:
        """Leave no byte free on the disk of the service for a while."""
        assert self.disk is not None
        filler = fill(self.disk)
        time.sleep(OUTAGE_SECONDS)
        filler.unlink()
