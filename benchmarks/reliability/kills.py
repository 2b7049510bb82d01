"""A hundred small jobs while processes are killed at random, the database stops, the broker is emptied, the disk fills.

    .venv/bin/python -m benchmarks.reliability.kills [--jobs 100] [--seconds 1800] [--seed 1]

A service on PostgreSQL and an embedded Valkey, with its data on a small disk (where this user may mount one), receives
uploads and jobs. Every few seconds something random happens to it, until 60 % of the time is over or every job has
ended. Clients repeat what fails, with an `Idempotency-Key`. Then each job must have succeeded once: 0 lost, 0 doubled,
0 half-written. Every archive is downloaded, and its images are compared byte by byte with those of the other jobs of
the same dataset. The exit status is 1 where something is wrong.
"""

import argparse
import json
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.reliability.disturbances import Disturber
from benchmarks.reliability.findings import Outcome, inspect, open_jobs
from benchmarks.reliability.service import BenchmarkService, machine, running_service, wait_for
from benchmarks.reliability.submission import Submission
from store.settings import Settings
from tests.support.postgres import PostgresServer
from tests.support.small_disk import small_disk

SETTINGS = {"lease_seconds": 12, "recovery_seconds": 2, "enqueue_seconds": 5, "secret_keys": "reliability-reliability"}

SMALL_DISK_MIB = 700


def main() -> int:
    """Run it once, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=1800, help="after which it gives up")
    parser.add_argument("--every", type=float, default=12.0, help="seconds between two disturbances")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kills-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        folders = [Path(name) / part for part in ("pg", "disk")]
        for folder in folders:
            folder.mkdir()
        database = PostgresServer(folders[0])
        with small_disk(folders[1], SMALL_DISK_MIB) as disk:
            database.start()
            try:
                settings: dict[str, Any] = SETTINGS | {"data_dir": folders[1] / "data", "database_url": database.url}
                with running_service(**settings) as service:
                    disturber = Disturber(service, database, disk, random.Random(options.seed))
                    outcome, submitted = run(service, disturber, database.url, options)
            finally:
                database.stop()
    print(f"machine: {machine()}")
    print(f"disturbances: {sum(disturber.done.values())} {json.dumps(dict(disturber.done))}")
    print(f"small disk: {'yes' if disk else 'no, this user may not mount one'}")
    print(f"jobs: {submitted}; {outcome.summary()}; {time.monotonic() - began:.0f} s")
    problems = [*outcome.violations, *outcome.failed]
    for problem in problems:
        print(f"  {problem}")
    return int(bool(problems))


def run(service: BenchmarkService, disturber: Disturber, url: str, options: argparse.Namespace) -> tuple[Outcome, int]:
    """Submit and disturb, wait until all is over, and inspect; returns what was found and the number of jobs."""
    deadline = time.monotonic() + options.seconds
    submission = Submission(options.jobs, deadline)
    client = threading.Thread(target=submission.send, args=(service.client,), daemon=True)
    client.start()
    half = time.monotonic() + 0.6 * options.seconds
    while time.monotonic() < half and (client.is_alive() or open_jobs(url)):
        time.sleep(options.every * disturber.random.uniform(0.5, 1.5))
        disturber.disturb()
        print(f"{len(submission.jobs)} jobs, {open_jobs(url)} open, {dict(disturber.done)}", flush=True)
    client.join(max(1.0, deadline - time.monotonic()))
    try:
        wait_for(
            lambda: not open_jobs(url) and service.is_alive(), seconds=max(1.0, deadline - time.monotonic()), pause=1
        )
    except TimeoutError:
        print("not everything has ended in time")

    def attempts_of(id_: str) -> set[str]:
        return {path.name for path in (service.home / "files" / "jobs" / id_ / "results").glob("*")}

    max_attempts = Settings.model_fields["max_attempts"].default
    with service.client() as inspector:
        outcome = inspect(inspector, url, submission, max_attempts=max_attempts, attempts_of=attempts_of)
    return outcome, len(submission.jobs)


if __name__ == "__main__":
    raise SystemExit(main())
