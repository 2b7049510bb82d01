"""The state of the queues: what waits, what runs, and for how long the oldest has waited."""

from datetime import timedelta

from sqlalchemy import update

from store import models as m
from store.database import Database
from store.queue_state import queue_states
from store.workforce import read_workforce
from tests.support.rows import DEFAULT, must_claim, new_job, new_worker


def test_each_queue_has_its_jobs_and_the_age_of_the_oldest(each_database: Database) -> None:
    claimed, first, later = (new_job(each_database) for _ in range(3))
    new_job(each_database, kind=m.TRIAL)
    must_claim(each_database, claimed)
    with each_database.write.begin() as session:
        for id_, hours in ((claimed, 5), (first, 2), (later, 1)):
            created = session.get_one(m.Job, id_).created_at
            session.execute(update(m.Job).where(m.Job.id == id_).values(created_at=created - timedelta(hours=hours)))
    new_worker(each_database)
    with each_database.read() as session:
        states = {state.name: state for state in queue_states(session, read_workforce(session, DEFAULT))}
    cpu = states["cpu"]
    assert (cpu.waiting, cpu.running) == (2, 1)
    assert 7200 <= cpu.oldest_seconds < 7300
    assert (states["short"].waiting, states["short"].running) == (1, 0)
    assert [states[name].workers for name in ("check", "short", "cpu", "gpu")] == [0, 1, 1, 1]
    assert (states["check"].waiting, states["check"].oldest_seconds) == (0, 0.0)
