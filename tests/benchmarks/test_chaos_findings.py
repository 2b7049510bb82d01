"""What `benchmarks.reliability` finds wrong at the end of a run: each kind of loss is told from a sound result."""

import io
import json
import time
import zipfile
from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import update

from benchmarks.reliability.findings import MANIFEST, Outcome, inspect, is_plain
from benchmarks.reliability.submission import IMAGES, Submission
from store import models as m
from store.database import Database
from store.settings import Settings
from tests.support.rows import new_job


def archive(*, images: int = IMAGES, noise: bytes = b"noise", noted: int = IMAGES) -> bytes:
    """An archive as the service writes it, with so many images of which so many are in the manifest."""
    out = io.BytesIO()
    files = {f"class-0/{number}.png": noise + bytes([number]) for number in range(images)}
    reports = {"report.json": b"{}", "report.html": b"<p>"}
    listed = dict(list(files.items())[:noted]) | reports
    with zipfile.ZipFile(out, "w") as written:
        for name, data in (files | reports).items():
            written.writestr(name, data)
        written.writestr(MANIFEST, json.dumps({"files": [{"path": k, "bytes": len(v)} for k, v in listed.items()]}))
    return out.getvalue()


@pytest.fixture
def look(database: Database, settings: Settings) -> Callable[..., Outcome]:
    """Inspects a service that answers these archives by job, and has these results of attempts."""

    def run(submission: Submission, archives: dict[str, bytes], *attempts: str) -> Outcome:
        def answer(request: httpx.Request) -> httpx.Response:
            _, _, _, id_, what = request.url.path.split("/")
            if what == "report":
                return httpx.Response(200, json={})
            return httpx.Response(200, content=archives[id_])

        client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://service")
        return inspect(client, settings.database, submission, max_attempts=3, attempts_of=lambda _: set(attempts))

    return run


@pytest.fixture
def ended(database: Database) -> Callable[..., str]:
    """Inserts a job that has ended so; returns its id."""

    def make(state: str = m.SUCCEEDED, **values: object) -> str:
        id_ = new_job(database)
        with database.write.begin() as session:
            session.execute(update(m.Job).where(m.Job.id == id_).values(state=state, **values))
        return id_

    return make


def submission_of(*ids: str, count: int | None = None) -> Submission:
    return Submission(count or len(ids), time.monotonic(), jobs=[(id_, 0) for id_ in ids])


def test_sound_jobs_are_no_violation(look: Callable[..., Outcome], ended: Callable[..., str]) -> None:
    first, second = ended(), ended()
    outcome = look(submission_of(first, second), {first: archive(), second: archive()}, "1", "2")
    assert (outcome.succeeded, outcome.violations, outcome.failed) == (2, [], [])
    assert len(outcome.leftover) == 2


@pytest.mark.parametrize(
    "broken",
    [
        archive()[:-300],
        archive().replace(b"noise\x03", b"noize\x03"),
        archive(images=IMAGES - 1, noted=IMAGES - 1),
        archive(noted=IMAGES - 1),
        archive(noise=b"other"),
    ],
    ids=["cut off", "damaged", "an image less", "not in the manifest", "other images than the same job before"],
)
def test_an_archive_that_is_not_whole_is_half_written(
    look: Callable[..., Outcome], ended: Callable[..., str], broken: bytes
) -> None:
    first, second = ended(), ended()
    outcome = look(submission_of(first, second), {first: archive(), second: broken})
    assert len(outcome.half_written) == len(outcome.violations) == outcome.succeeded == 1


def test_jobs_that_are_missing_or_too_many_are_found(look: Callable[..., Outcome], ended: Callable[..., str]) -> None:
    sound, unknown = ended(), ended()
    outcome = look(submission_of(sound, m.new_id(), count=3), {sound: archive()})
    assert outcome.doubled == [unknown]
    assert len(outcome.lost) == 2  # one has no row, and one was never accepted
    assert look(submission_of(sound, sound), {sound: archive()}).doubled[0] == sound


def test_a_failure_counts_as_one_only_in_plain_words_and_after_all_attempts(
    look: Callable[..., Outcome], ended: Callable[..., str]
) -> None:
    plain = "The worker stopped responding before its first stage, 3 times in a row."
    allowed = ended(m.FAILED, attempt=4, released=1, error=plain)
    early = ended(m.FAILED, attempt=2, error=plain)
    unreadable = ended(m.FAILED, attempt=3, error="OperationalError at http://127.0.0.1:1")
    waiting = ended(m.QUEUED, attempt=3)
    outcome = look(submission_of(allowed, early, unreadable, waiting), {})
    assert [text.split(":")[0] for text in outcome.failed] == [allowed]
    assert [text.split(":")[0] for text in outcome.lost] == [early, unreadable]
    assert [text.split(":")[0] for text in outcome.unfinished] == [waiting]


@pytest.mark.parametrize(
    ("reason", "plain"),
    [
        ("The disk of this service is full. Ask its operator to free space, then try again.", True),
        ("Traceback (most recent call last): it broke.", False),
        ("It failed at /tmp/x.", False),
        ("ConnectionError", False),
        (None, False),
    ],
)
def test_plain_words(reason: str | None, plain: bool) -> None:
    assert is_plain(reason) is plain
