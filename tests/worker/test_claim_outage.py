"""A database that is away or locked when a worker claims a job: one line is logged, and the job runs later."""

import logging
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from store import models as m
from store.database import connect
from store.settings import Settings
from store.task_queue import UPLOADS, queue_length
from tests.support.rows import job_of
from tests.worker.conftest import Upload
from worker.claim_outage import NothingClaimed, claim_outages_logged
from worker.context import WorkerContext, open_worker_context
from worker.next_job import run_any_job
from worker.recovery import recover
from worker.tasks import run_job


@pytest.fixture
def context(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerContext]:
    """A worker context that waits for a lock for a fifth of a second."""
    monkeypatch.setattr("store.database.LOCK_TIMEOUT_SECONDS", 0.2)
    context = open_worker_context(settings)
    yield context
    context.database.dispose()


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Hold the write lock of the SQLite database, as a process that hangs in a transaction does."""
    with closing(sqlite3.connect(settings.home / "unteachable.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture
def run_message(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Runs the Celery task of a message as a worker's child does; returns its result and the lines in the log."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(context: WorkerContext, job_id: str) -> tuple[Any, list[Any]]:
        monkeypatch.setattr("worker.tasks.process_context", lambda: context)
        with capture_logs() as lines:
            result = run_job.apply((job_id,), routing_key=UPLOADS)
        return result, lines

    yield run
    signal.signal(signal.SIGTERM, handler)


def test_a_lock_that_lasts_costs_one_line_and_the_job_is_enqueued_and_runs_later(
    context: WorkerContext,
    upload: Upload,
    run_message: Any,
    broker: "subprocess.Popen[bytes]",
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, job_id = upload(per_class=3)
    with locked(context.settings):
        result, lines = run_message(context, job_id)
    assert result.successful(), result.traceback
    assert [(line["event"], line["log_level"], line["job"]) for line in lines] == [
        ("job.not_claimed", "warning", job_id)
    ]
    assert "locked" in lines[0]["error"]
    assert "\n" not in lines[0]["error"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert (job_of(context.database, job_id).state, job_of(context.database, job_id).attempt) == (m.QUEUED, 0)
    recover(context)  # the next round of any worker
    assert queue_length(context.settings, UPLOADS) == 1
    run_message(context, job_id)
    assert job_of(context.database, job_id).state == m.SUCCEEDED


def test_a_server_that_is_away_costs_one_line_too(
    context: WorkerContext, run_message: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = connect(f"postgresql+psycopg://nobody@/nothing?host={tmp_path}")
    result, lines = run_message(WorkerContext(settings=context.settings, database=away, files=context.files), "a-job")
    away.dispose()
    assert result.successful(), result.traceback
    assert [(line["event"], line["job"]) for line in lines] == [("job.not_claimed", "a-job")]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_worker_that_takes_one_job_says_why_it_took_none(context: WorkerContext, upload: Upload) -> None:
    upload(per_class=3)
    with (
        locked(context.settings),
        capture_logs() as lines,
        pytest.raises(NothingClaimed),
        claim_outages_logged(queue=UPLOADS),
    ):
        run_any_job(context, [UPLOADS])
    assert [(line["event"], line["queue"]) for line in lines] == [("job.not_claimed", UPLOADS)]


def test_an_outage_that_a_running_job_meets_is_no_failed_claim(
    context: WorkerContext, upload: Upload, run_message: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("UPDATE jobs", {}, Exception("server closed the connection"))

    monkeypatch.setattr("worker.executor.run_handler", fail)
    _, job_id = upload(per_class=3)
    result, lines = run_message(context, job_id)
    assert isinstance(result.result, OperationalError)
    assert "job.not_claimed" not in [line["event"] for line in lines]


def test_an_error_that_is_no_outage_stays_an_error(context: WorkerContext, run_message: Any) -> None:
    with closing(sqlite3.connect(context.settings.home / "unteachable.db")) as connection:
        connection.execute("ALTER TABLE jobs RENAME TO lost_jobs")
    result, lines = run_message(context, "a-job")
    assert isinstance(result.result, OperationalError)
    assert lines == []
