"""Fair shares: the jobs of several people run in turn, by the time that the workers have spent on each."""

from datetime import timedelta

from sqlalchemy import update

from store import fair_shares, leases
from store import models as m
from store.clock import now
from store.database import Database
from store.queue_places import first_claimable
from store.task_queue import CPU
from tests.support.rows import must_claim, new_dataset, new_job, new_worker, places_of

MINUTE = {"archive": 40.0, "evidence": 20.0}


def jobs_of(database: Database, name: str, count: int, *, age_seconds: int) -> list[str]:
    """Queue protections of a minute each for a user, the first one so long ago; return their ids."""
    dataset_id = new_dataset(database)
    ids = [new_job(database, dataset_id=dataset_id) for _ in range(count)]
    with database.write.begin() as session:
        user = session.query(m.User).filter_by(name=name).one_or_none() or m.User(id=m.new_id(), name=name)
        session.add(user)
        session.flush()
        for number, id_ in enumerate(ids):
            values = {
                "owner_id": user.id,
                "estimate": MINUTE,
                "created_at": now(session) - timedelta(seconds=age_seconds - number),
            }
            session.execute(update(m.Job).where(m.Job.id == id_).values(**values))
    return ids


def next_jobs(database: Database, limit: int = 10) -> list[str]:
    with database.read() as session:
        return first_claimable(session, [CPU], limit=limit)


def end(database: Database, job_id: str, *, ran_seconds: float, ago: timedelta = timedelta()) -> None:
    """Let a job end that ran for so long."""
    with database.write.begin() as session:
        values = {"state": m.SUCCEEDED, "ran_seconds": ran_seconds, "attempt": 1, "finished_at": now(session) - ago}
        session.execute(update(m.Job).where(m.Job.id == job_id).values(**values))


def test_jobs_of_several_people_run_in_turn(each_database: Database) -> None:
    new_worker(each_database)
    many = jobs_of(each_database, "many", 4, age_seconds=500)
    assert next_jobs(each_database) == many, "the oldest first where there is one person"
    few = jobs_of(each_database, "few", 2, age_seconds=100)
    turns = [many[0], few[0], many[1], few[1], many[2], many[3]]
    assert next_jobs(each_database) == turns
    places = places_of(each_database)
    assert [places[id_].position for id_ in turns] == [1, 2, 3, 4, 5, 6]
    assert [places[id_].starts_in_seconds for id_ in turns] == [0, 60, 120, 180, 240, 300]


def test_a_long_job_that_runs_or_ended_lately_counts(each_database: Database) -> None:
    first, second = jobs_of(each_database, "long", 2, age_seconds=500)
    short = jobs_of(each_database, "short", 3, age_seconds=100)
    must_claim(each_database, first)
    assert next_jobs(each_database) == [short[0], second, *short[1:]], "the running one is expected to take a minute"
    end(each_database, first, ran_seconds=150.0)
    assert next_jobs(each_database) == [*short[:3], second]
    end(each_database, first, ran_seconds=90.0)
    assert next_jobs(each_database) == [*short[:2], second, short[2]]
    end(each_database, first, ran_seconds=9e9, ago=fair_shares.WINDOW + timedelta(minutes=1))
    assert next_jobs(each_database) == [second, *short], "what ended long ago is forgotten"


def test_hundreds_of_jobs_hide_nobody(each_database: Database) -> None:
    many = jobs_of(each_database, "many", 40, age_seconds=5_000)
    (one,) = jobs_of(each_database, "one", 1, age_seconds=1)
    assert next_jobs(each_database, limit=3) == [many[0], one, many[1]]


def test_a_job_that_was_handed_back_goes_on_first(each_database: Database) -> None:
    (released,) = jobs_of(each_database, "released", 1, age_seconds=1)
    older = jobs_of(each_database, "older", 2, age_seconds=900)
    claim = must_claim(each_database, released)
    with each_database.write.begin() as session:
        leases.renew(session, claim, lease_seconds=30, ran_seconds=5_000.0)
        assert leases.release(session, claim)
    assert next_jobs(each_database) == [released, *older]
    assert must_claim(each_database, released).ran_seconds == 5_000
