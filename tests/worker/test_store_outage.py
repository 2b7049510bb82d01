"""An object store that does not answer delays jobs; one that refuses fails them in plain words, without an address."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from store import models as m
from store.clock import utc_now
from store.job_recovery import mark_lost, recover_jobs
from store.object_keys import upload_key
from store.object_store import ObjectStore, open_object_store
from store.s3 import S3Patience
from store.settings import Settings
from store.store_errors import StoreUnavailable
from tests.support.rows import dataset_of, job_of, new_check
from tests.support.waiting import wait_until
from tests.worker.conftest import Upload
from worker import store_outage
from worker.context import WorkerContext
from worker.executor import run_job

PATIENCE = S3Patience(connect_seconds=1, silent_seconds=1, request_seconds=2, retry_seconds=0.3, retries=1)


@pytest.fixture(autouse=True)
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_outage, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(store_outage, "POLL_SECONDS", 0.05)


@pytest.fixture
def on_s3(make_settings: Any, s3_relay: Any) -> Iterator[WorkerContext]:
    """A worker context whose files are on S3, behind a relay that can fail."""
    from store.database import open_database

    server, _ = s3_relay
    settings = make_settings(**server.settings(prefix=m.new_id()), store_outage_seconds=20)
    database = open_database(settings)
    yield WorkerContext(settings=settings, database=database, files=open_object_store(settings, PATIENCE))
    database.dispose()


@pytest.fixture
def check(on_s3: WorkerContext, drawn: Any) -> tuple[str, str]:
    """A dataset and its check job, whose upload is stored."""
    path = drawn(classes=2, per_class=3)
    dataset_id, job_id = new_check(on_s3.database, on_s3.settings, filename="a.zip", size=path.stat().st_size)
    on_s3.files.save(upload_key(dataset_id), path)
    return dataset_id, job_id


def mend_once_it_waits(context: WorkerContext, job_id: str, faults: Any) -> None:
    """Let the store work again as soon as the job has met the outage."""

    def mend() -> None:
        wait_until(lambda: job_of(context.database, job_id).outage_since, seconds=60)
        faults.nothing()

    threading.Thread(target=mend, daemon=True).start()


@pytest.mark.parametrize(
    "status", [500, pytest.param(429, marks=pytest.mark.slow), pytest.param(0, marks=pytest.mark.slow)]
)
def test_a_job_waits_for_the_store_and_is_not_counted(
    on_s3: WorkerContext, s3_relay: Any, check: tuple[str, str], status: int
) -> None:
    _, faults = s3_relay
    dataset_id, job_id = check
    faults.everything(status)
    mend_once_it_waits(on_s3, job_id, faults)
    run_job(on_s3, job_id)
    row = job_of(on_s3.database, job_id)
    assert (row.state, row.attempt, row.released, row.error) == (m.QUEUED, 1, 1, None)
    assert dataset_of(on_s3.database, dataset_id).state == m.CHECKING
    run_job(on_s3, job_id)
    assert job_of(on_s3.database, job_id).state == m.SUCCEEDED
    assert dataset_of(on_s3.database, dataset_id).state == m.READY


def test_a_worker_that_is_killed_while_its_job_waits_costs_no_attempt(
    on_s3: WorkerContext, s3_relay: Any, check: tuple[str, str]
) -> None:
    """What the job does cannot have ended its worker: it does nothing."""
    _, faults = s3_relay
    faults.everything(500)
    waiting = threading.Thread(target=run_job, args=(on_s3, check[1]))
    waiting.start()
    wait_until(lambda: job_of(on_s3.database, check[1]).outage_since, seconds=60)
    wait_until(lambda: job_of(on_s3.database, check[1]).released == 1, seconds=5, what="the attempt not to count")
    with on_s3.database.write.begin() as session:  # as recovery finds a job whose worker was killed
        worker = job_of(on_s3.database, check[1]).worker
        assert mark_lost(session, job_id=check[1], worker=worker or "")
        assert recover_jobs(session, max_attempts=1, enqueue_seconds=60).requeued == (check[1],)
    faults.nothing()
    waiting.join(60)
    row = job_of(on_s3.database, check[1])
    assert (row.state, row.attempt, row.released) == (m.QUEUED, 1, 1)
    run_job(on_s3, check[1])
    assert job_of(on_s3.database, check[1]).state == m.SUCCEEDED


@pytest.mark.slow
def test_a_store_that_fails_only_writes_is_waited_for(
    on_s3: WorkerContext, s3_relay: Any, check: tuple[str, str]
) -> None:
    _, faults = s3_relay
    faults.status, faults.verbs = 503, frozenset({"PUT", "POST"})
    mend_once_it_waits(on_s3, check[1], faults)
    run_job(on_s3, check[1])
    assert job_of(on_s3.database, check[1]).state == m.QUEUED
    run_job(on_s3, check[1])
    assert job_of(on_s3.database, check[1]).state == m.SUCCEEDED


def with_patience(context: WorkerContext, seconds: float) -> WorkerContext:
    """A worker that waits this long for the object store."""
    settings = context.settings.model_copy(update={"store_outage_seconds": seconds})
    return replace(context, settings=settings)


def test_after_the_time_limit_the_job_fails_in_plain_words(
    on_s3: WorkerContext, s3_relay: Any, check: tuple[str, str]
) -> None:
    _, faults = s3_relay
    patient = with_patience(on_s3, 2.0)
    faults.everything(500)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        run_job(patient, check[1])
    assert time.monotonic() - began > 2
    row = job_of(on_s3.database, check[1])
    assert row.state == m.FAILED
    assert row.error is not None
    assert "storage of this service could not be reached" in row.error
    assert "127.0.0.1" not in row.error
    assert "http" not in row.error


@pytest.mark.slow
def test_repeated_short_outages_end_at_the_time_limit_too(
    on_s3: WorkerContext, s3_relay: Any, check: tuple[str, str]
) -> None:
    """The store answers the probe, and fails what the job needs each time."""
    _, faults = s3_relay
    patient = with_patience(on_s3, 4.0)
    faults.everything(500)
    faults.path_part = "/datasets/"
    attempts = 0
    while job_of(on_s3.database, check[1]).state != m.FAILED:
        attempts += 1
        assert attempts < 30
        try:
            run_job(patient, check[1])
        except StoreUnavailable:
            break
    assert attempts > 1
    assert job_of(on_s3.database, check[1]).state == m.FAILED


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("keys", "its storage refuses access"), ("bucket", "the bucket of its storage does not exist")],
)
def test_what_an_operator_must_mend_fails_at_once(
    on_s3: WorkerContext, check: tuple[str, str], trouble: str, words: str
) -> None:
    change = {"s3_secret_access_key": "wrong"} if trouble == "keys" else {"store_url": "s3://no-such-bucket/x"}
    settings = on_s3.settings.model_copy(update=change)
    broken = WorkerContext(settings=settings, database=on_s3.database, files=open_object_store(settings, PATIENCE))
    began = utc_now()
    with pytest.raises(OSError, match=r"keys|bucket"):
        run_job(broken, check[1])
    row = job_of(on_s3.database, check[1])
    assert (utc_now() - began).total_seconds() < 15
    assert row.state == m.FAILED
    assert row.error is not None
    assert words in row.error
    assert "127.0.0.1" not in row.error


def test_a_folder_is_no_server_that_may_come_back(
    context: WorkerContext, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A permission of this machine's disk does not mend itself: the job fails at once, as before."""
    from store.store_errors import StoreError

    _, job_id = upload()

    def denied(*_: object) -> None:
        raise StoreError(13, "datasets/x/upload: Permission denied")

    monkeypatch.setattr(ObjectStore, "fetch", denied)
    with pytest.raises(StoreError):
        run_job(context, job_id)
    assert "(Permission denied)" in (job_of(context.database, job_id).error or "")


def test_settings_say_how_long(settings: Settings) -> None:
    assert settings.store_outage_seconds == 3600
