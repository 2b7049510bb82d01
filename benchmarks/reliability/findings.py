"""What became of the jobs that were requested: lost, doubled, half-written, or as they should be."""

import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from benchmarks.reliability.submission import IMAGES, Submission

MANIFEST = "MANIFEST.json"
REPORTS = {"report.json", "report.html", MANIFEST}
PLAIN_WORDS = re.compile(r"[A-Z][^\n]+\.")
NOT_PLAIN = re.compile(r"Traceback|Error\b|://|127\.0\.0\.1|/tmp|localhost")


@dataclass
class Outcome:
    """What was found at the end: the ids of jobs, each with the reason."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    half_written: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)  # not lost, but not over when the time was
    failed: list[str] = field(default_factory=list)  # in plain words, after the attempts that the settings allow
    leftover: list[str] = field(default_factory=list)  # files of an attempt that was killed; cleaning up removes them
    succeeded: int = 0

    def summary(self) -> str:
        """One line of figures."""
        figures = {"lost": self.lost, "doubled": self.doubled, "half-written": self.half_written}
        figures |= {"unfinished": self.unfinished, "failed in plain words": self.failed}
        figures |= {"with files of a killed attempt": self.leftover}
        return f"{self.succeeded} succeeded, " + ", ".join(f"{len(found)} {name}" for name, found in figures.items())

    @property
    def violations(self) -> list[str]:
        """What must not be."""
        return [*self.lost, *self.doubled, *self.half_written, *self.unfinished]


def open_jobs(url: str) -> int:
    """How many jobs of any kind are not over, as the database has it; 1 while it does not answer."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            query = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"
            return int(connection.execute(text(query)).scalar_one())
    except Exception:
        return 1
    finally:
        engine.dispose()


def inspect(
    client: httpx.Client, url: str, submission: Submission, *, max_attempts: int, attempts_of: Callable[[str], set[str]]
) -> Outcome:
    """Compare what there is with what was requested.

    Args:
        client: a client of the service, which is left alone by now.
        url: its database.
        submission: the jobs that were to be requested, and those that it accepted.
        max_attempts: after how many attempts of lost workers a job may fail.
        attempts_of: returns the names of the attempts that left results of a job in the object store.
    """
    outcome = Outcome()
    with create_engine(url).connect() as connection:
        rows = {row.id: row for row in connection.execute(text("SELECT * FROM jobs WHERE kind = 'protect'"))}
    expected = [id_ for id_, _ in submission.jobs]
    for reason in submission.refused:
        (outcome.failed if "rejected" in reason and is_plain(reason) else outcome.lost).append(f"refused: {reason}")
    if missing := submission.count - len(expected) - len(submission.refused):
        outcome.lost.append(f"never accepted: {missing}")
    outcome.doubled += [id_ for id_, times in Counter(expected).items() if times > 1]
    outcome.doubled += [id_ for id_ in rows if id_ not in set(expected)]
    first_bytes: dict[int, dict[str, str]] = {}
    for id_, number in submission.jobs:
        row = rows.get(id_)
        if row is None or row.state != "succeeded":
            _sort_in(outcome, id_, row, max_attempts)
            continue
        if len(attempts := attempts_of(id_)) > 1:
            outcome.leftover.append(f"{id_}: results of the attempts {sorted(attempts)}")
        try:
            hashes = _image_hashes(client, id_)
        except (AssertionError, zipfile.BadZipFile, httpx.HTTPError, KeyError, ValueError) as error:
            outcome.half_written.append(f"{id_}: {error}")
            continue
        if first_bytes.setdefault(number, hashes) != hashes:
            outcome.half_written.append(f"{id_}: other images than another job of the same dataset and seed")
        else:
            outcome.succeeded += 1
    return outcome


def is_plain(reason: str | None) -> bool:
    """Whether a reason for a failure is a sentence, without an address or a name of the code."""
    return reason is not None and PLAIN_WORDS.fullmatch(reason) is not None and not NOT_PLAIN.search(reason)


def _sort_in(outcome: Outcome, id_: str, row: Any, max_attempts: int) -> None:
    """Note a job that did not succeed."""
    if row is not None and row.state in ("queued", "running"):
        outcome.unfinished.append(f"{id_}: {row.state}, attempt {row.attempt}")
        return
    text_ = f"{id_}: {row and row.state} after {row and row.attempt} attempts: {row and row.error}"
    was_rejected = row is not None and row.error is not None and row.error.startswith("The dataset was rejected: ")
    tried = row is not None and (was_rejected or row.attempt - row.handed_back >= max_attempts)
    (outcome.failed if tried and is_plain(row.error) else outcome.lost).append(text_)


def _image_hashes(client: httpx.Client, job_id: str) -> dict[str, str]:
    """The hash of each image in a job's archive. Raises where the archive, its manifest or the report is not whole."""
    answer = client.get(f"/v1/jobs/{job_id}/archive", follow_redirects=True).raise_for_status()
    assert len(answer.content) == int(answer.headers["content-length"]), "the archive is cut off"
    report = client.get(f"/v1/jobs/{job_id}/report", headers={"Accept": "application/json"}).raise_for_status().json()
    assert isinstance(report, dict)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        broken = archive.testzip()
        assert broken is None, f"{broken} is damaged"
        sizes = {entry.filename: entry.file_size for entry in archive.infolist() if entry.filename != MANIFEST}
        noted = {file["path"]: file["bytes"] for file in json.loads(archive.read(MANIFEST))["files"]}
        assert noted == sizes, "the manifest names other files than the archive has"
        images = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in sizes if "class-" in name}
    assert len(images) == IMAGES, f"{len(images)} images of {IMAGES}"
    assert {*sizes, MANIFEST} >= REPORTS
    return images
