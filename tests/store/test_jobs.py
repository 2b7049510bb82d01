"""The state machine of a job, on SQLite and on PostgreSQL."""

import pytest

from store import datasets, jobs, leases
from store import models as m
from store.database import Database
from store.leases import Claim, JobResult, LeaseStatus
from tests.support.rows import claim, dataset_of, expire, job_of, must_claim, new_check, new_dataset, new_job

RESULT = JobResult(archive_key="jobs/a/1/archive.zip", archive_bytes=10, report_key="r.json", page_key="r.html")


def progress(database: Database, held: Claim, done: int = 1) -> LeaseStatus:
    with database.write.begin() as session:
        return leases.record_progress(
            session, held, leases.JobProgress(stage="noise", done=done, total=9, eta_seconds=2.5), lease_seconds=30
        )


def test_a_job_runs_and_succeeds(each_database: Database) -> None:
    id_ = new_job(each_database, preset="quick")
    held = must_claim(each_database, id_)
    assert (held.attempt, held.spec, held.kind) == (1, {"preset": "quick"}, m.PROTECT)
    assert progress(each_database, held) is LeaseStatus.HELD
    row = job_of(each_database, id_)
    assert (row.state, row.stage, row.done, row.total, row.eta_seconds) == (m.RUNNING, "noise", 1, 9, 2.5)
    with each_database.write.begin() as session:
        assert leases.succeed(session, held, RESULT)
    row = job_of(each_database, id_)
    assert (row.state, row.archive_key, row.archive_bytes, row.lease_until) == (
        m.SUCCEEDED,
        RESULT.archive_key,
        10,
        None,
    )
    assert row.created_at <= row.started_at <= row.finished_at


def test_every_change_raises_seq(each_database: Database) -> None:
    id_ = new_job(each_database)
    seen = [job_of(each_database, id_).seq]
    held = must_claim(each_database, id_)
    seen.append(job_of(each_database, id_).seq)
    progress(each_database, held)
    seen.append(job_of(each_database, id_).seq)
    with each_database.write.begin() as session:
        jobs.request_cancel(session, id_)
    seen.append(job_of(each_database, id_).seq)
    with each_database.write.begin() as session:
        leases.cancel(session, held)
    seen.append(job_of(each_database, id_).seq)
    assert seen == sorted(set(seen))


def test_a_running_job_cannot_be_claimed(each_database: Database) -> None:
    id_ = new_job(each_database)
    must_claim(each_database, id_)
    assert claim(each_database, id_, worker="w2") is None
    assert claim(each_database, "no-such-job") is None


@pytest.mark.parametrize("state", [m.UPLOADING, m.CHECKING, m.REJECTED])
def test_a_protect_job_waits_for_its_dataset(each_database: Database, state: str) -> None:
    dataset_id = new_dataset(each_database, state=state)
    assert claim(each_database, new_job(each_database, dataset_id=dataset_id)) is None


def test_a_stale_worker_can_write_nothing(each_database: Database) -> None:
    id_ = new_job(each_database)
    stale = must_claim(each_database, id_)
    with each_database.write.begin() as session:
        assert leases.release(session, stale)
    fresh = must_claim(each_database, id_, worker="w2")
    before = job_of(each_database, id_)
    with each_database.write.begin() as session:
        assert leases.lease_status(session, stale) is LeaseStatus.LOST
        assert leases.renew(session, stale, lease_seconds=99) is LeaseStatus.LOST
        assert not leases.succeed(session, stale, RESULT)
        assert not leases.fail(session, stale, "no")
        assert not leases.cancel(session, stale)
        assert not leases.release(session, stale)
    assert progress(each_database, stale, done=8) is LeaseStatus.LOST
    after = job_of(each_database, id_)
    attributes = [attribute.key for attribute in m.Job.__mapper__.column_attrs]
    assert {name: getattr(after, name) for name in attributes} == {name: getattr(before, name) for name in attributes}
    with each_database.write.begin() as session:
        assert leases.succeed(session, fresh, RESULT)


def test_a_finished_job_does_not_change(each_database: Database) -> None:
    id_ = new_job(each_database)
    held = must_claim(each_database, id_)
    with each_database.write.begin() as session:
        assert leases.fail(session, held, "a reason")
        assert not leases.succeed(session, held, RESULT)
        assert not jobs.request_cancel(session, id_)
    row = job_of(each_database, id_)
    assert (row.state, row.error, row.archive_key) == (m.FAILED, "a reason", None)


def test_canceling_a_queued_job_ends_it_at_once(each_database: Database) -> None:
    id_ = new_job(each_database)
    with each_database.write.begin() as session:
        assert jobs.request_cancel(session, id_)
    assert job_of(each_database, id_).state == m.CANCELED
    assert claim(each_database, id_) is None


def test_canceling_a_running_job_tells_its_worker(each_database: Database) -> None:
    id_ = new_job(each_database)
    held = must_claim(each_database, id_)
    with each_database.write.begin() as session:
        assert jobs.request_cancel(session, id_)
    assert job_of(each_database, id_).state == m.RUNNING
    assert progress(each_database, held) is LeaseStatus.CANCEL
    with each_database.write.begin() as session:
        assert leases.lease_status(session, held) is LeaseStatus.CANCEL
        assert leases.cancel(session, held)
    assert job_of(each_database, id_).state == m.CANCELED


def test_a_job_that_ends_while_it_is_canceled_has_succeeded(each_database: Database) -> None:
    id_ = new_job(each_database)
    held = must_claim(each_database, id_)
    with each_database.write.begin() as session:
        jobs.request_cancel(session, id_)
        assert leases.succeed(session, held, RESULT)
    assert job_of(each_database, id_).state == m.SUCCEEDED


def test_the_check_makes_its_dataset_ready(each_database: Database) -> None:
    dataset_id, id_ = new_check(each_database)
    held = must_claim(each_database, id_)
    found = datasets.DatasetContents(images=3, classes=[{"name": "cat", "images": 3}], skipped=[], thumbs=[])
    with each_database.write.begin() as session:
        assert datasets.mark_ready(session, held, found)
        assert not datasets.mark_rejected(session, held, "too late")
    row = dataset_of(each_database, dataset_id)
    assert (row.state, row.images, row.classes, row.error) == (m.READY, 3, [{"name": "cat", "images": 3}], None)


def test_a_rejected_dataset_has_the_reason(each_database: Database) -> None:
    dataset_id, id_ = new_check(each_database)
    with each_database.write.begin() as session:
        assert datasets.mark_rejected(session, must_claim(each_database, id_), "no pictures")
    row = dataset_of(each_database, dataset_id)
    assert (row.state, row.error) == (m.REJECTED, "no pictures")
    assert job_of(each_database, id_).error == "no pictures"


def test_a_stale_check_changes_nothing(each_database: Database) -> None:
    dataset_id, id_ = new_check(each_database)
    stale = must_claim(each_database, id_)
    expire(each_database, id_)
    with each_database.write.begin() as session:
        leases.release(session, stale)
    must_claim(each_database, id_, worker="w2")
    with each_database.write.begin() as session:
        assert not datasets.mark_rejected(session, stale, "stale")
        assert not datasets.mark_ready(
            session, stale, datasets.DatasetContents(images=1, classes=[], skipped=[], thumbs=[])
        )
    assert dataset_of(each_database, dataset_id).state == m.CHECKING


def test_a_dataset_in_use_cannot_be_deleted(each_database: Database) -> None:
    dataset_id = new_dataset(each_database)
    id_ = new_job(each_database, dataset_id=dataset_id)
    with each_database.write.begin() as session:
        assert not datasets.delete(session, dataset_id)
        jobs.request_cancel(session, id_)
    with each_database.write.begin() as session:
        assert datasets.delete(session, dataset_id)
    assert job_of(each_database, id_).dataset_id is None
