"""Rows of pieces on both databases: offered by the owner of a job, and claimed, fenced and recovered as jobs are."""

import threading
from datetime import timedelta

from sqlalchemy import select, update

from store import jobs, leases, maintenance_mode, piece_leases, pieces, workers
from store import models as m
from store.clock import now
from store.database import Database
from store.idle_workers import Alike, idle_workers
from store.job_recovery import RecoveryReport, mark_lost, recover_jobs
from store.leases import Claim, LeaseStatus
from store.piece_leases import Helper, PieceClaim
from store.workers import claim_name
from store.workforce import read_workforce
from tests.support.rows import DEFAULT, expire, must_claim, new_job, new_worker

KIND = "CPU, torch 2"
NAMES = ("first", "second", "third")


def new_pieces(database: Database, *, needs: str = KIND) -> Claim:
    """A running job with three pieces."""
    owner = must_claim(database, new_job(database))
    publish(database, owner, needs=needs)
    return owner


def publish(database: Database, owner: Claim, *, needs: str = KIND) -> bool:
    with database.write.begin() as session:
        return pieces.publish(session, owner, NAMES, queue="cpu", needs=needs)


def help_with(
    database: Database, *, has: str = KIND, queues: tuple[str, ...] = ("cpu",), worker: str = "h1", attempts: int = 5
) -> PieceClaim | None:
    with database.write.begin() as session:
        helper = Helper(queues=queues, has=has, max_attempts=attempts)
        return piece_leases.claim(session, helper, worker=worker, lease_seconds=30)


def must_help(database: Database, *, worker: str = "h1") -> PieceClaim:
    claimed = help_with(database, worker=worker)
    assert claimed is not None
    return claimed


def take(database: Database, owner: Claim, name: str) -> bool:
    with database.write.begin() as session:
        return pieces.take(session, owner.job_id, name)


def rows_of(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {row.name: row.state for row in session.execute(select(m.Piece.name, m.Piece.state))}


def status_of(database: Database, claim: PieceClaim) -> LeaseStatus:
    with database.write.begin() as session:
        read, renewed = piece_leases.lease_status(session, claim), piece_leases.renew(session, claim, lease_seconds=30)
    assert read is renewed
    return read


def expire_piece(database: Database, claim: PieceClaim) -> None:
    with database.write.begin() as session:
        expired = now(session) - timedelta(seconds=1)
        session.execute(update(m.Piece).where(pieces.key_of(claim.job_id, claim.name)).values(lease_until=expired))


def recover(database: Database) -> RecoveryReport:
    with database.write.begin() as session:
        return recover_jobs(session, max_attempts=3, enqueue_seconds=60)


def test_helpers_begin_at_the_end_and_the_owner_at_the_beginning(each_database: Database) -> None:
    owner = new_pieces(each_database)
    third, second = must_help(each_database), must_help(each_database, worker="h2")
    assert (third.name, third.attempt, third.kind) == ("third", 1, m.PROTECT)
    assert second.name == "second"
    assert take(each_database, owner, "first")
    assert not take(each_database, owner, "second")
    assert help_with(each_database) is None
    with each_database.write.begin() as session:
        assert session.query(m.Piece).filter_by(job_id=owner.job_id, state=m.RUNNING).count() == 2
        assert piece_leases.succeed(session, third)
        assert not piece_leases.succeed(session, third)
    assert rows_of(each_database) == {"second": m.RUNNING, "third": m.SUCCEEDED}
    assert take(each_database, owner, "third")
    assert take(each_database, owner, "never published")


def test_a_piece_is_only_for_the_same_kind_of_device_and_the_queue_of_its_job(each_database: Database) -> None:
    new_pieces(each_database)
    assert help_with(each_database, has="CPU, torch 3") is None
    assert help_with(each_database, queues=("short", "gpu")) is None
    assert help_with(each_database) is not None


def test_of_many_helpers_one_gets_a_piece(each_database: Database) -> None:
    new_pieces(each_database)
    won: list[str] = []
    start = threading.Barrier(6)

    def race(number: int) -> None:
        start.wait()
        claimed = help_with(each_database, worker=f"h{number}")
        if claimed is not None:
            won.append(claimed.name)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted(NAMES)


def test_a_lost_piece_is_put_back_and_its_helper_changes_nothing_more(each_database: Database) -> None:
    owner = new_pieces(each_database)
    stale = must_help(each_database)
    assert status_of(each_database, stale) is LeaseStatus.HELD
    assert recover(each_database).pieces == ()
    expire_piece(each_database, stale)
    assert recover(each_database).pieces == ((owner.job_id, "third"),)
    assert status_of(each_database, stale) is LeaseStatus.LOST
    again = must_help(each_database, worker="h2")
    assert (again.name, again.attempt) == ("third", 2)
    with each_database.write.begin() as session:
        assert not piece_leases.succeed(session, stale)
        assert not piece_leases.release(session, stale)
        assert mark_lost(session, job_id=owner.job_id, worker="h2")  # its process has ended
    assert recover(each_database).pieces == ((owner.job_id, "third"),)
    assert recover(each_database).requeued == ()


def test_a_piece_that_fails_again_and_again_is_left_to_its_owner(each_database: Database) -> None:
    owner = new_pieces(each_database)
    for _ in range(2):
        claimed = must_help(each_database)
        assert claimed.name == "third"
        with each_database.write.begin() as session:
            assert piece_leases.requeue(session, claimed)
    other = help_with(each_database, attempts=2)
    assert other is not None
    assert other.name == "second"
    with each_database.write.begin() as session:
        assert piece_leases.release(session, other)  # which does not count
    assert help_with(each_database, attempts=1) is not None
    assert take(each_database, owner, "third")


def test_helpers_stop_when_their_job_ends_and_go_on_when_only_its_worker_was_lost(each_database: Database) -> None:
    owner = new_pieces(each_database)
    helping = must_help(each_database)
    expire(each_database, owner.job_id)
    assert recover(each_database).requeued == (owner.job_id,)
    assert status_of(each_database, helping) is LeaseStatus.HELD
    assert help_with(each_database, worker="h2") is None, "it has no owner now: its next attempt comes first"
    again = must_claim(each_database, owner.job_id, worker="w2")
    assert not publish(each_database, owner), "the lost worker offers nothing"
    assert publish(each_database, again)
    assert rows_of(each_database) == {"first": m.QUEUED, "second": m.QUEUED, "third": m.RUNNING}
    with each_database.write.begin() as session:
        assert jobs.request_cancel(session, owner.job_id)
    assert status_of(each_database, helping) is LeaseStatus.LOST
    assert help_with(each_database, worker="h2") is None
    with each_database.write.begin() as session:
        assert leases.cancel(session, again)
    recover(each_database)
    assert rows_of(each_database) == {}


def test_the_pieces_of_a_deleted_job_are_deleted(each_database: Database) -> None:
    owner = new_pieces(each_database)
    helping = must_help(each_database)
    with each_database.write.begin() as session:
        assert leases.fail(session, owner, "over")
        jobs.delete(session, session.get_one(m.Job, owner.job_id))
    assert rows_of(each_database) == {}
    assert status_of(each_database, helping) is LeaseStatus.LOST


def test_an_attempt_on_another_kind_of_device_begins_the_pieces_anew(each_database: Database) -> None:
    owner = new_pieces(each_database)
    stale = must_help(each_database)
    assert publish(each_database, owner, needs="GPU")
    assert status_of(each_database, stale) is LeaseStatus.LOST
    assert help_with(each_database) is None
    assert help_with(each_database, has="GPU") is not None


def test_what_is_withdrawn_is_lost_for_its_helper(each_database: Database) -> None:
    owner = new_pieces(each_database)
    helping = must_help(each_database)
    with each_database.write.begin() as session:
        pieces.withdraw(session, owner.job_id, ["second", "third"])
    assert rows_of(each_database) == {"first": m.QUEUED}
    assert status_of(each_database, helping) is LeaseStatus.LOST


def test_nobody_claims_a_piece_during_maintenance(each_database: Database) -> None:
    new_pieces(each_database)
    with maintenance_mode.MaintenanceMode(each_database, reason="restore", refuses_writes=True):
        assert help_with(each_database) is None
    assert help_with(each_database) is not None


def test_idle_workers_of_the_same_kind_are_found_and_a_helper_is_not_idle(each_database: Database) -> None:
    owner = new_pieces(each_database)
    idle, helping = new_worker(each_database), new_worker(each_database)
    new_worker(each_database, queues=("check",), name="check")
    new_worker(each_database, silent_seconds=1000)
    name = claim_name(host="box", pid=1, token="t", worker_id=helping)
    must_help(each_database, worker=name)

    def found(device: str, version: str = "0.0.0") -> list[str]:
        with each_database.read() as session:
            workforce = read_workforce(session, DEFAULT)
            return idle_workers(session, workforce, "cpu", Alike(device=device, version=version))

    assert found("CPU, 64 cores") == [idle]
    assert found("NVIDIA H200") == []
    assert found("CPU, 2 cores", version="9") == []
    with each_database.read() as session:
        listed = {one.row.id: one for one in workers.listed(session, lease_seconds=30)}
    assert (listed[helping].job_id, listed[helping].job_kind) == (owner.job_id, m.PROTECT)
    assert listed[idle].job_id is None


def test_idle_workers_are_woken_again_while_pieces_wait(each_database: Database) -> None:
    owner = new_pieces(each_database)

    def due() -> list[tuple[str, str, str]]:
        with each_database.read() as session:
            return pieces.jobs_to_help(session, enqueue_seconds=10)

    assert due() == [(owner.job_id, m.PROTECT, "cpu")]
    with each_database.write.begin() as session:
        jobs.mark_enqueued(session, owner.job_id)
    assert due() == []
