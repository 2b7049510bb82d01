"""Small jobs on several machines, while processes are killed and whatever they share fails.

    .venv/bin/python -m benchmarks.reliability.chaos [--jobs 100] [--seconds 720] [--seed 1]

Starts PostgreSQL, Valkey, SeaweedFS, two APIs behind a round-robin balancer and three workers, each with a folder of
its own, one API and one worker on a small disk (where this user may mount one). Clients upload and request jobs all the
time, and repeat what fails. Meanwhile a process is killed every few seconds, and in turn: Valkey comes back empty,
PostgreSQL is stopped for 20 s, S3 answers 500 for 60 s, S3 is frozen for 40 s, the small disk is full for 20 s. After
60 % of the time all is left alone. Then each job must have succeeded once, or have failed in plain words after the
attempts that the settings allow: 0 lost, 0 doubled, 0 half-written. Every archive is downloaded and compared with its
manifest and with the other jobs of its dataset. The exit status is 1 where something is wrong.
"""

import argparse
import json
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.reliability.background import in_background
from benchmarks.reliability.findings import Outcome, inspect, open_jobs
from benchmarks.reliability.machines import SeveralMachines, several_machines
from benchmarks.reliability.service import machine, wait_for
from benchmarks.reliability.submission import Submission
from store.object_store import open_object_store
from store.settings import Settings
from tests.support.small_disk import fill

DATABASE_SECONDS, ERRORS_SECONDS, FROZEN_SECONDS, FULL_SECONDS = 20, 60, 40, 20
DISTURBED_PART = 0.6  # of the time
SETTINGS = {"lease_seconds": 12, "recovery_seconds": 2, "enqueue_seconds": 5, "threads": 1, "log_format": "json"}
MAX_ATTEMPTS = int(Settings.model_fields["max_attempts"].default)


@dataclass
class Chaos:
    """Disturbs the service: outages from the main thread, one after the other, and kills beside them.

    Attributes:
        service: the service.
        random: chooses; the kills have a generator of their own.
        done: how often each was done.
    """

    service: SeveralMachines
    random: random.Random
    done: Counter[str] = field(default_factory=Counter)

    def outages(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """All kinds of outages in random order, again and again."""
        kinds: dict[str, Callable[[], None]] = {
            "Valkey comes back empty": self.service.lose_broker,
            f"PostgreSQL is stopped for {DATABASE_SECONDS} s": self._stop_database,
            f"S3 answers 500 for {ERRORS_SECONDS} s": self._answer_errors,
            f"S3 is frozen for {FROZEN_SECONDS} s": self._freeze,
        }
        if self.service.disk:
            kinds[f"a disk is full for {FULL_SECONDS} s"] = self._fill_disk
        while True:
            yield from self.random.sample(sorted(kinds.items()), len(kinds))

    @contextmanager
    def killing(self, every: float, seed: int) -> Iterator[None]:
        """Kill something every so many seconds on average, for the length of a block."""
        chosen = random.Random(seed)
        names = sorted(self.service.machines)
        victims = [*((name, False) for name in names), *((name, True) for name in names if "api" not in name)]

        def kill(over: threading.Event) -> None:
            while not over.wait(every * chosen.uniform(0.5, 1.5)):
                name, child = chosen.choice(victims)
                with suppress(ProcessLookupError):
                    self.service.machines[name].kill(child=child)
                    kind = "an API" if "api" in name else "a worker's child" if child else "a worker"
                    self.done[f"{kind} is killed"] += 1

        with in_background(kill):
            yield

    def _stop_database(self) -> None:
        self.service.database.stop(signal.SIGINT)
        time.sleep(DATABASE_SECONDS)
        self.service.database.start()

    def _answer_errors(self) -> None:
        self.service.faults.everything(500)
        time.sleep(ERRORS_SECONDS)
        self.service.faults.nothing()

    def _freeze(self) -> None:
        os.kill(self.service.s3.pid, signal.SIGSTOP)
        try:
            time.sleep(FROZEN_SECONDS)
        finally:  # a frozen server would not end
            os.kill(self.service.s3.pid, signal.SIGCONT)

    def _fill_disk(self) -> None:
        assert self.service.disk is not None
        filler = fill(self.service.disk)
        time.sleep(FULL_SECONDS)
        filler.unlink()


@contextmanager
def _reader(service: SeveralMachines) -> Iterator[None]:
    """A user who looks at the list of jobs and at a page twice a second, for the length of a block."""

    def read(over: threading.Event) -> None:
        with service.client() as client:
            while not over.wait(0.5):
                for path in ("/v1/jobs?limit=5", "/v1/datasets?limit=5"):
                    try:
                        client.get(path)
                    except httpx.TransportError:
                        service.statuses[0] += 1

    with in_background(read):
        yield


def run(chaos: Chaos, options: argparse.Namespace) -> tuple[Outcome, Submission]:
    """Submit and disturb, wait until all is over, and look at what there is."""
    service, began = chaos.service, time.monotonic()
    url = service.database.url
    disturbed_until, deadline = began + DISTURBED_PART * options.seconds, began + options.seconds
    pause = 0.8 * DISTURBED_PART * options.seconds / options.jobs
    submission = Submission(options.jobs, deadline, every_seconds=pause, resumable=True)
    clients = threading.Thread(target=submission.send, args=(service.client,), daemon=True)
    with _reader(service):
        clients.start()
        with chaos.killing(options.every, options.seed):
            for name, outage in chaos.outages():
                time.sleep(options.every * chaos.random.uniform(0.5, 1.0))
                if time.monotonic() > disturbed_until or not (clients.is_alive() or open_jobs(url)):
                    break
                print(f"{time.monotonic() - began:4.0f} s: {name}; {len(submission.jobs)} jobs accepted", flush=True)
                outage()
                chaos.done[name] += 1
        print(f"{time.monotonic() - began:4.0f} s: left alone, {open_jobs(url)} jobs open", flush=True)
        clients.join(max(1.0, deadline - time.monotonic()))
        with suppress(TimeoutError):
            left = max(1.0, deadline - time.monotonic())
            wait_for(lambda: not open_jobs(url) and service.are_ready(), seconds=left, pause=1)
    files = open_object_store(service.machines["api-2"].settings)

    def attempts_of(id_: str) -> set[str]:
        return {key.split("/")[3] for key in files.list(f"jobs/{id_}/results")}

    with service.client() as client:
        outcome = inspect(client, url, submission, max_attempts=MAX_ATTEMPTS, attempts_of=attempts_of)
    return outcome, submission


def find_faults(service: SeveralMachines) -> list[str]:
    """What must not be in answers and logs, whatever happens."""
    faults = [f"{service.statuses[500]} answers with 500"] if service.statuses[500] else []
    faults += [] if service.are_ready() else ["at the end not every process is ready"]
    ended = Counter(
        json.loads(line)["job"] for line in service.log_text().splitlines() if '"event": "job.succeeded"' in line
    )
    return faults + [f"{job} succeeded {times} times" for job, times in ended.items() if times > 1]


def main() -> int:
    """Run it once, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=720, help="after which it gives up")
    parser.add_argument("--every", type=float, default=12.0, help="seconds between two kills, on average")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep-logs", type=Path, help="a folder for the logs of all processes")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        try:
            with several_machines(Path(name), **SETTINGS) as service:
                chaos = Chaos(service, random.Random(options.seed))
                print(f"{time.monotonic() - began:4.0f} s to start; load {os.getloadavg()[0]:.0f}", flush=True)
                outcome, submission = run(chaos, options)
                faults = find_faults(service)
        finally:
            if options.keep_logs:
                options.keep_logs.mkdir(parents=True, exist_ok=True)
                for log in Path(name).glob("machines/*.log"):
                    (options.keep_logs / log.name).write_bytes(log.read_bytes())
    seconds, violations = time.monotonic() - began, [*outcome.violations, *faults]
    print_findings(chaos, submission, outcome, seconds)
    for line in violations:
        print(f"  violation: {line}")
    return int(bool(violations))


def print_findings(chaos: Chaos, submission: Submission, outcome: Outcome, seconds: float) -> None:
    """Print what was done to the service, and what became of the jobs."""
    service = chaos.service
    print(f"machine: {machine()}, load {os.getloadavg()[0]:.0f}")
    for what, times in sorted(chaos.done.items()):
        print(f"  {times:4} x {what}")
    if not service.disk:
        print("  no disk was filled: this user may not mount one")
    print(f"processes started again: {dict(sorted(service.restarts.items()))}")
    print(f"answers by status (0: a connection that ended): {dict(sorted(service.statuses.items()))}")
    print(f"the longest that a client repeated a request: {submission.longest[0]:.0f} s ({submission.longest[1]})")
    print(f"jobs: {len(submission.jobs)}; {outcome.summary()}; {seconds:.0f} s")
    for line in (*outcome.failed, *outcome.leftover):
        print(f"  {line}")


if __name__ == "__main__":
    raise SystemExit(main())
