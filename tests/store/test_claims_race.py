"""Many workers claim one job at the same time, in threads and in processes: exactly one succeeds."""

import subprocess
import sys
import threading

import pytest
from sqlalchemy import text

from store import jobs, leases
from store import models as m
from store.database import Database
from store.job_recovery import RecoveryReport, recover_jobs
from store.settings import Settings
from tests.support.rows import claim, expire, job_of, must_claim, new_job
from tests.support.waiting import wait_until

RACE = """
import sys
from store import jobs, leases
from store.database import connect
url, ids = sys.argv[1], sys.argv[2].split(",")
database = connect(url)
with database.read() as session:
    session.connection()
print("ready", flush=True)
sys.stdin.readline()
won = []
for id_ in ids:
    with database.write.begin() as session:
        if leases.claim(session, id_, worker="p" + sys.argv[3], lease_seconds=30):
            won.append(id_)
print(",".join(won), flush=True)
"""


def test_of_many_threads_one_claims_a_job(each_database: Database) -> None:
    ids = [new_job(each_database) for _ in range(6)]
    won: list[str] = []
    start = threading.Barrier(8)

    def race(worker: int) -> None:
        start.wait()
        for id_ in ids:
            if claim(each_database, id_, worker=f"w{worker}"):
                won.append(id_)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted(ids)


def test_of_many_processes_one_claims_a_job(each_settings: Settings, each_database: Database) -> None:
    ids = [new_job(each_database) for _ in range(20)]
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, each_settings.database, ",".join(ids), str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    won: list[str] = []
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        out, _ = racer.communicate(timeout=60)
        won += [id_ for id_ in out.strip().split(",") if id_]
    assert sorted(won) == sorted(ids)


@pytest.mark.parametrize("each_settings", ["postgresql"], indirect=True)
def test_a_job_that_is_canceled_while_it_is_released_ends(each_database: Database) -> None:
    """Only PostgreSQL runs both transactions at the same time; on SQLite one waits for the other."""
    id_ = new_job(each_database)
    held = must_claim(each_database, id_)
    answers: list[bool] = []

    def cancel() -> None:
        with each_database.write.begin() as session:
            answers.append(jobs.request_cancel(session, id_))

    canceling = threading.Thread(target=cancel)
    with each_database.write.begin() as session:
        assert leases.release(session, held)
        canceling.start()
        wait_until(lambda: waits_for_a_lock(each_database))
    canceling.join()
    assert answers == [True]
    assert job_of(each_database, id_).state == m.CANCELED


@pytest.mark.parametrize("each_settings", ["postgresql"], indirect=True)
def test_a_job_that_is_canceled_during_recovery_is_not_requeued(each_database: Database) -> None:
    id_ = new_job(each_database)
    must_claim(each_database, id_)
    expire(each_database, id_)
    found: list[RecoveryReport] = []

    def run() -> None:
        with each_database.write.begin() as session:
            found.append(recover_jobs(session, max_attempts=3, enqueue_seconds=60))

    recovering = threading.Thread(target=run)
    with each_database.write.begin() as session:
        assert jobs.request_cancel(session, id_)
        recovering.start()
        wait_until(lambda: waits_for_a_lock(each_database))
    recovering.join()
    assert found[0].requeued == ()
    run()
    assert found[1].canceled == (id_,)
    assert job_of(each_database, id_).state == m.CANCELED


def waits_for_a_lock(database: Database) -> bool:
    """Whether a transaction of this database waits for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with database.read() as session:
        return bool(session.execute(text(query)).scalar_one())


def test_many_recoveries_at_once_requeue_a_job_once(each_database: Database) -> None:
    id_ = new_job(each_database)
    assert claim(each_database, id_)
    expire(each_database, id_)
    found: list[str] = []
    enqueued: list[str] = []
    start = threading.Barrier(6)

    def run() -> None:
        start.wait()
        with each_database.write.begin() as session:
            report = recover_jobs(session, max_attempts=3, enqueue_seconds=60)
        found.extend(report.requeued)
        enqueued.extend(job_id for job_id, *_ in report.to_enqueue)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [id_]
    assert enqueued == [id_]
    with each_database.read() as session:
        assert session.get_one(m.Job, id_).state == m.QUEUED
