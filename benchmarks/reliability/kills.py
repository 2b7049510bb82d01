"""A hundred small jobs while processes are killed at random, the database stops, the broker is emptied, the disk fills.

    .venv/bin/python -m benchmarks.reliability.kills [--jobs 100] [--seconds 1800] [--seed 1]

A service on PostgreSQL and an embedded Valkey, with its data on a small disk (where this user may mount one), receives
uploads and jobs. Every few seconds something random happens to it, until 60 % of the time is over or every job has
ended. Clients repeat what fails, with an `Idempotency-Key`. Then each job must have succeeded once: 0 lost, 0 doubled,
0 half-written. Every archive is downloaded, and its images are compared byte by byte with those of the other jobs of
the same dataset. The exit status is 1 where something is wrong.
"""

import argparse
import hashlib
import io
import json
import random
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from benchmarks.reliability.disturbances import Disturber, small_disk, unmount
from benchmarks.reliability.service import BenchmarkService, drawn_dataset, machine, running_service, wait_for
from tests.support.postgres import PostgresServer

IMAGES = 24  # of a dataset
JOBS_PER_DATASET = 5
SPEC = {"preset": "instant", "evidence": "none", "seed": 7}
SETTINGS = {"lease_seconds": 12, "recovery_seconds": 2, "enqueue_seconds": 5, "secret_keys": "reliability-reliability"}


@dataclass
class Outcome:
    """What was found at the end."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    half_written: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)  # not lost, but not over when the time was
    leftover: list[str] = field(default_factory=list)  # files of an attempt that was killed; cleaning up removes them

    def summary(self) -> str:
        """One line of figures."""
        figures = {"lost": self.lost, "doubled": self.doubled, "half-written": self.half_written}
        figures |= {"unfinished": self.unfinished, "with files of a killed attempt": self.leftover}
        return ", ".join(f"{len(found)} {name}" for name, found in figures.items())


def persistently(call: Callable[[], httpx.Response], *, deadline: float) -> httpx.Response:
    """Repeat a request until it is answered with a success. Raises TimeoutError at the deadline."""
    while time.monotonic() < deadline:
        try:
            response = call()
            if response.is_success:
                return response
            if response.status_code in (400, 404, 413, 415, 422):
                raise RuntimeError(f"{response.status_code}: {response.text}")
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise TimeoutError("a request was never answered with a success")


def submit(service: BenchmarkService, count: int, deadline: float, submitted: list[tuple[str, int]]) -> None:
    """Upload datasets and request jobs; appends the id of each job with the number of its dataset.

    Args:
        service: the service.
        count: the number of jobs.
        deadline: when to give up, by `time.monotonic`.
        submitted: receives the jobs.
    """
    with service.client() as client:
        for number in range(-(-count // JOBS_PER_DATASET)):
            file = {"file": (f"{number}.zip", drawn_dataset(IMAGES, seed=number))}
            key = {"Idempotency-Key": f"dataset-{number}"}
            dataset = persistently(
                lambda f=file, k=key: client.post("/v1/datasets", files=f, headers=k), deadline=deadline
            )
            for repeat in range(min(JOBS_PER_DATASET, count - number * JOBS_PER_DATASET)):
                body = {"kind": "protect", "dataset_id": dataset.json()["id"], "spec": SPEC}
                key = {"Idempotency-Key": f"job-{number}-{repeat}"}
                job = persistently(lambda b=body, k=key: client.post("/v1/jobs", json=b, headers=k), deadline=deadline)
                submitted.append((job.json()["id"], number))


def open_jobs(url: str) -> int:
    """How many jobs of any kind are not over, as the database has it; 1 while it does not answer."""
    try:
        with create_engine(url).connect() as connection:
            query = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"
            return int(connection.execute(text(query)).scalar_one())
    except Exception:
        return 1


def inspect(service: BenchmarkService, url: str, submitted: list[tuple[str, int]], requested: int) -> Outcome:
    """Compare what there is with what was requested.

    Args:
        service: the service, which is left alone by now.
        url: its database.
        submitted: the jobs that it accepted, with the numbers of their datasets.
        requested: how many were to be requested.
    """
    outcome = Outcome()
    with create_engine(url).connect() as connection:
        rows = {row.id: row for row in connection.execute(text("SELECT * FROM jobs WHERE kind = 'protect'"))}
    expected = [id_ for id_, _ in submitted]
    outcome.lost += [f"never accepted: {requested - len(submitted)}"] if len(submitted) < requested else []
    outcome.doubled += [id_ for id_, times in Counter(expected).items() if times > 1]
    outcome.doubled += [id_ for id_ in rows if id_ not in set(expected)]
    first_bytes: dict[int, dict[str, str]] = {}
    with service.client() as client:
        for id_, number in submitted:
            row = rows.get(id_)
            if row is not None and row.state in ("queued", "running"):
                outcome.unfinished.append(f"{id_}: {row.state}, attempt {row.attempt}")
                continue
            if row is None or row.state != "succeeded":
                outcome.lost.append(f"{id_}: {row and row.state} {row and row.error}")
                continue
            attempts = {path.name for path in (service.home / "files" / "jobs" / id_ / "results").glob("*")}
            if len(attempts) > 1:
                outcome.leftover.append(f"{id_}: results of the attempts {sorted(attempts)}")
            try:
                hashes = _image_hashes(client, id_)
            except (AssertionError, zipfile.BadZipFile, httpx.HTTPError, KeyError, ValueError) as error:
                outcome.half_written.append(f"{id_}: {error}")
                continue
            if first_bytes.setdefault(number, hashes) != hashes:
                outcome.half_written.append(f"{id_}: other images than another job of the same dataset and seed")
    return outcome


def _image_hashes(client: httpx.Client, job_id: str) -> dict[str, str]:
    """The hash of each image in a job's archive. Raises where the archive or the report is not whole."""
    answer = client.get(f"/v1/jobs/{job_id}/archive", follow_redirects=True).raise_for_status()
    assert len(answer.content) == int(answer.headers["content-length"]), "the archive is cut off"
    report = client.get(f"/v1/jobs/{job_id}/report", headers={"Accept": "application/json"}).raise_for_status().json()
    assert isinstance(report, dict)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        broken = archive.testzip()
        assert broken is None, f"{broken} is damaged"
        hashes = {
            name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist() if name.endswith(".png")
        }
    images = {name: value for name, value in hashes.items() if "class-" in name}
    assert len(images) >= IMAGES, f"{len(images)} images of {IMAGES}"
    return images


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
        database, disk = PostgresServer(folders[0]), small_disk(folders[1])
        database.start()
        try:
            settings: dict[str, Any] = SETTINGS | {"data_dir": folders[1] / "data", "database_url": database.url}
            with running_service(**settings) as service:
                disturber = Disturber(service, database, disk, random.Random(options.seed))
                outcome, submitted = run(service, disturber, database.url, options)
        finally:
            database.stop()
            unmount(disk)
    print(f"machine: {machine()}")
    print(f"disturbances: {sum(disturber.done.values())} {json.dumps(dict(disturber.done))}")
    print(f"small disk: {'yes' if disk else 'no, this user may not mount one'}")
    print(f"jobs: {submitted}; {outcome.summary()}; {time.monotonic() - began:.0f} s")
    problems = (*outcome.lost, *outcome.doubled, *outcome.half_written, *outcome.unfinished)
    for problem in problems:
        print(f"  {problem}")
    return int(bool(problems))


def run(service: BenchmarkService, disturber: Disturber, url: str, options: argparse.Namespace) -> tuple[Outcome, int]:
    """Submit and disturb, wait until all is over, and inspect; returns what was found and the number of jobs."""
    deadline = time.monotonic() + options.seconds
    submitted: list[tuple[str, int]] = []
    client = threading.Thread(target=submit, args=(service, options.jobs, deadline, submitted), daemon=True)
    client.start()
    half = time.monotonic() + 0.6 * options.seconds
    while time.monotonic() < half and (client.is_alive() or open_jobs(url)):
        time.sleep(options.every * disturber.random.uniform(0.5, 1.5))
        disturber.disturb()
        print(f"{len(submitted)} jobs, {open_jobs(url)} open, {dict(disturber.done)}", flush=True)
    client.join(max(1.0, deadline - time.monotonic()))
    try:
        wait_for(
            lambda: not open_jobs(url) and service.is_alive(), seconds=max(1.0, deadline - time.monotonic()), pause=1
        )
    except TimeoutError:
        print("not everything has ended in time")
    return inspect(service, url, submitted, options.jobs), len(submitted)


if __name__ == "__main__":
    raise SystemExit(main())
