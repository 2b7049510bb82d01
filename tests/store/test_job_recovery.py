"""Recovery: lost jobs run again, jobs that cannot run fail with the reason, forgotten jobs are enqueued."""

from datetime import timedelta

from sqlalchemy import update

from store import jobs, leases
from store import models as m
from store.clock import now
from store.database import Database
from store.job_recovery import RecoveryReport, count_claimable, mark_lost, recover_jobs
from store.queue_places import first_claimable
from tests.support.rows import claim, dataset_of, expire, job_of, must_claim, new_check, new_dataset, new_job, places_of


def run_recovery(database: Database, *, enqueue_seconds: float = 60) -> RecoveryReport:
    with database.write.begin() as session:
        return recover_jobs(session, max_attempts=3, enqueue_seconds=enqueue_seconds)


def test_a_job_with_an_expired_lease_is_requeued(each_database: Database) -> None:
    id_ = new_job(each_database)
    stale = must_claim(each_database, id_)
    assert run_recovery(each_database).requeued == ()
    expire(each_database, id_)
    report = run_recovery(each_database)
    assert report.requeued == (id_,)
    assert (id_, m.PROTECT, "cpu") in report.to_enqueue
    again = must_claim(each_database, id_, worker="w1")
    assert again.attempt == 2
    with each_database.write.begin() as session:
        assert leases.lease_status(session, stale) is leases.LeaseStatus.LOST


def test_a_renewed_lease_is_left_alone(each_database: Database) -> None:
    id_ = new_job(each_database)
    held = must_claim(each_database, id_)
    expire(each_database, id_)
    with each_database.write.begin() as session:
        assert leases.renew(session, held, lease_seconds=30) is leases.LeaseStatus.HELD
    assert run_recovery(each_database).requeued == ()


def test_after_three_attempts_it_fails_with_the_reason(each_database: Database) -> None:
    id_ = new_job(each_database)
    for attempt in (1, 2, 3):
        held = must_claim(each_database, id_)
        assert held.attempt == attempt
        with each_database.write.begin() as session:
            leases.record_progress(
                session, held, leases.JobProgress(stage="training", done=1, total=2, eta_seconds=None), lease_seconds=30
            )
        expire(each_database, id_)
        report = run_recovery(each_database)
    assert report.failed == (id_,)
    row = job_of(each_database, id_)
    assert row.state == m.FAILED
    assert "training" in (row.error or "")
    assert "3 times" in (row.error or "")
    assert claim(each_database, id_) is None


def test_released_attempts_do_not_count(each_database: Database) -> None:
    id_ = new_job(each_database)
    for _ in range(5):
        held = must_claim(each_database, id_)
        with each_database.write.begin() as session:
            assert leases.release(session, held)
    must_claim(each_database, id_)
    expire(each_database, id_)
    assert run_recovery(each_database).requeued == (id_,)


def test_a_job_is_canceled_when_its_worker_is_lost(each_database: Database) -> None:
    id_ = new_job(each_database)
    must_claim(each_database, id_)
    with each_database.write.begin() as session:
        jobs.request_cancel(session, id_)
    expire(each_database, id_)
    assert run_recovery(each_database).canceled == (id_,)
    assert job_of(each_database, id_).state == m.CANCELED


def test_a_job_that_was_released_after_a_cancel_is_canceled(each_database: Database) -> None:
    id_ = new_job(each_database)
    held = must_claim(each_database, id_)
    with each_database.write.begin() as session:
        assert jobs.request_cancel(session, id_)
        assert leases.release(session, held)  # the worker was stopped before it noticed
    before = job_of(each_database, id_).seq
    report = run_recovery(each_database)
    assert (report.canceled, report.to_enqueue) == ((id_,), ())
    row = job_of(each_database, id_)
    assert (row.state, row.seq) == (m.CANCELED, before + 1)
    assert row.finished_at is not None
    assert run_recovery(each_database).canceled == ()


def test_a_check_that_keeps_losing_its_worker_rejects_its_dataset(each_database: Database) -> None:
    dataset_id, id_ = new_check(each_database)
    for _ in range(3):
        must_claim(each_database, id_)
        expire(each_database, id_)
        run_recovery(each_database)
    row = dataset_of(each_database, dataset_id)
    assert row.state == m.REJECTED
    assert "3 times" in (row.error or "")


def test_jobs_of_a_rejected_dataset_fail_with_its_reason(each_database: Database) -> None:
    dataset_id = new_dataset(each_database, state=m.REJECTED, error="no pictures in it")
    id_ = new_job(each_database, dataset_id=dataset_id)
    assert run_recovery(each_database).failed == (id_,)
    assert "no pictures in it" in (job_of(each_database, id_).error or "")


def test_jobs_of_a_deleted_dataset_fail(each_database: Database) -> None:
    dataset_id = new_dataset(each_database)
    id_ = new_job(each_database, dataset_id=dataset_id)
    with each_database.write.begin() as session:
        session.delete(session.get(m.Dataset, dataset_id))
    assert run_recovery(each_database).failed == (id_,)
    assert "deleted" in (job_of(each_database, id_).error or "")


def test_a_long_queue_does_not_use_up_the_limit_of_another(each_database: Database) -> None:
    dataset_id = new_dataset(each_database)
    many = [new_job(each_database, dataset_id=dataset_id, kind=kind) for kind in (m.PROTECT, m.TRAIN) * 60]
    _, check = new_check(each_database)
    enqueued = run_recovery(each_database).to_enqueue
    assert (check, m.CHECK, "check") in enqueued
    assert [id_ for id_, kind, _ in enqueued if kind != m.CHECK] == many[:100]
    assert {id_ for id_, *_ in run_recovery(each_database).to_enqueue} == set(many[100:])


def test_a_waiting_job_is_enqueued_once_within_the_interval(each_database: Database) -> None:
    id_ = new_job(each_database)
    unready = new_job(each_database, dataset_id=new_dataset(each_database, state=m.CHECKING))
    assert run_recovery(each_database).to_enqueue == ((id_, m.PROTECT, "cpu"),)
    assert run_recovery(each_database).to_enqueue == ()
    with each_database.write.begin() as session:
        session.execute(update(m.Job).values(enqueued_at=now(session) - timedelta(seconds=61)))
        assert count_claimable(session, "cpu") == 1
    assert run_recovery(each_database).to_enqueue == ((id_, m.PROTECT, "cpu"),)
    assert job_of(each_database, unready).state == m.QUEUED


def test_a_job_whose_process_has_ended_does_not_wait_for_its_lease(each_database: Database) -> None:
    id_ = new_job(each_database)
    held = must_claim(each_database, id_)
    with each_database.write.begin() as session:
        assert not mark_lost(session, job_id=id_, worker="another worker")
        assert mark_lost(session, job_id=id_, worker=held.worker)
        report = recover_jobs(session, max_attempts=3, enqueue_seconds=60, expired_are_lost=False)
    assert report.requeued == (id_,)
    row = job_of(each_database, id_)
    assert (row.state, row.attempt, row.released) == (m.QUEUED, 1, 0)


def test_while_expired_leases_mean_nothing_a_worker_may_renew_its_own(each_database: Database) -> None:
    id_ = new_job(each_database)
    held = must_claim(each_database, id_)
    expire(each_database, id_)
    with each_database.write.begin() as session:
        report = recover_jobs(session, max_attempts=3, enqueue_seconds=60, expired_are_lost=False)
        assert report.requeued == ()
        assert leases.renew(session, held, lease_seconds=30) is leases.LeaseStatus.HELD


def test_a_requeued_job_is_first_in_its_queue(each_database: Database) -> None:
    dataset_id = new_dataset(each_database)
    waiting, lost, released = (new_job(each_database, dataset_id=dataset_id) for _ in range(3))
    must_claim(each_database, lost)
    held = must_claim(each_database, released)
    expire(each_database, lost)
    with each_database.write.begin() as session:
        assert leases.release(session, held)
    enqueued = run_recovery(each_database).to_enqueue
    assert [id_ for id_, *_ in enqueued] == [lost, released, waiting]
    with each_database.read() as session:
        assert first_claimable(session, ["cpu"], limit=10) == [lost, released, waiting]
    assert [places_of(each_database)[id_].position for id_ in (lost, released, waiting)] == [1, 2, 3]
