"""How long a protection will take, the queue that it waits in, and its place there."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from core.specs.protect import ProtectSpec
from store import estimates, jobs, leases, task_queue
from store import models as m
from store.clock import now
from store.database import Database
from store.estimates import Estimate
from store.job_recovery import count_claimable, recover_jobs
from store.leases import JobResult
from store.workers import claim_name
from tests.support.rows import job_of, must_claim, new_dataset, new_job, new_worker, places_of

PHOTO_BYTES = 40_000


def photos(database: Database, images: int, **values: Any) -> str:
    return new_dataset(database, **({"images": images, "bytes": images * PHOTO_BYTES} | values))


def estimate_of(database: Database, dataset_id: str, **spec: Any) -> Estimate:
    with database.read() as session:
        found = estimates.estimate(session, ProtectSpec.parse(spec), session.get_one(m.Dataset, dataset_id))
    assert found is not None
    return found


def plan(database: Database, job_id: str, *, short_seconds: int = 120) -> m.Job:
    with database.write.begin() as session:
        job = session.get_one(m.Job, job_id)
        dataset = session.get_one(m.Dataset, job.dataset_id)
        estimates.plan_job(session, job, dataset, short_seconds=short_seconds)
    return job_of(database, job_id)


def finish(database: Database, job_id: str, **measured: float) -> None:
    claim = must_claim(database, job_id)
    result = JobResult(report_key="r", page_key="p", measured=Estimate(**measured).to_dict())
    with database.write.begin() as session:
        assert leases.succeed(session, claim, result)


def test_more_images_take_longer_and_evidence_ends_in_its_minutes(database: Database) -> None:
    few, many = photos(database, 20), photos(database, 5_000)
    assert estimate_of(database, few).evidence == 0  # too few images to measure anything
    assert estimate_of(database, few).archive < estimate_of(database, many).archive
    assert estimate_of(database, many).evidence == 300
    assert estimate_of(database, many, evidence_minutes=1).evidence == 60
    assert estimate_of(database, many, evidence_minutes=0).evidence > 300
    assert estimate_of(database, many, evidence="none").evidence == 0
    quick = estimate_of(database, many).archive
    assert estimate_of(database, many, preset="instant").archive == quick, "photographs get textures"
    assert quick < estimate_of(database, many, method="sem").archive


def test_an_album_is_measured_where_there_are_other_datasets(database: Database) -> None:
    one, two = [{"name": "Lisbon", "images": 90}], [{"name": name, "images": 45} for name in ("cat", "dog")]
    album = photos(database, 90, classes=one, file_key="a")
    assert estimate_of(database, album).evidence == 0
    other = photos(database, 90, classes=two, file_key="b")
    assert 0 < estimate_of(database, album).evidence <= 300
    assert estimate_of(database, other).evidence == 0
    few = photos(database, 12, classes=[{"name": "Rome", "images": 12}], file_key="c")
    assert estimate_of(database, few).evidence == 0
    row = plan(database, new_job(database, dataset_id=album, preset="instant"))
    assert row.queue == task_queue.SHORT, "few images do not wait behind an hour's job"


def test_there_is_no_estimate_before_the_images_are_counted(database: Database) -> None:
    id_ = new_job(database, dataset_id=new_dataset(database, state=m.CHECKING))
    row = plan(database, id_)
    assert (row.estimate, row.queue) == (None, None)


def test_past_jobs_of_the_same_kind_correct_the_figure(each_database: Database) -> None:
    dataset = photos(each_database, 1_000)
    before = estimate_of(each_database, dataset, preset="instant")
    for _ in range(3):
        id_ = new_job(each_database, dataset_id=dataset, preset="instant")
        finish(each_database, id_, archive=3 * before.archive, evidence=300.0)
    after = estimate_of(each_database, dataset, preset="instant")
    assert after.archive == pytest.approx(3 * before.archive)
    assert after.evidence == 300
    assert estimate_of(each_database, dataset, preset="quick", evidence="none").evidence == 0
    quick = estimate_of(each_database, dataset, preset="quick").archive
    finish(each_database, new_job(each_database, dataset_id=dataset, preset="quick"), archive=2 * quick, evidence=1.0)
    assert estimate_of(each_database, dataset, preset="quick").archive == pytest.approx(2 * quick)


def test_a_job_of_little_time_goes_into_the_short_queue(each_database: Database) -> None:
    small, large = photos(each_database, 20), photos(each_database, 5_000)
    row = plan(each_database, new_job(each_database, dataset_id=small, preset="instant"))
    assert row.queue == task_queue.SHORT
    assert row.estimate is not None
    assert plan(each_database, new_job(each_database, dataset_id=large, preset="instant")).queue is None
    off = plan(each_database, new_job(each_database, dataset_id=small, preset="instant"), short_seconds=0)
    assert off.queue is None
    with each_database.write.begin() as session:
        assert count_claimable(session, task_queue.SHORT) == 1
        assert count_claimable(session, "cpu") == 2
        due = recover_jobs(session, max_attempts=3, enqueue_seconds=15).to_enqueue
    assert sorted(queue for _, _, queue in due) == ["cpu", "cpu", "short"]


def test_the_place_in_the_queue_and_the_start_follow_from_the_jobs_before(each_database: Database) -> None:
    dataset = photos(each_database, 1_000)
    ids = [new_job(each_database, dataset_id=dataset) for _ in range(4)]
    short = new_job(each_database, dataset_id=dataset)
    with each_database.write.begin() as session:
        for number, id_ in enumerate([*ids, short]):
            created = now(session) + timedelta(seconds=number)
            expected = {"archive": 60.0, "evidence": 40.0}
            session.execute(update(m.Job).where(m.Job.id == id_).values(estimate=expected, created_at=created))
        session.execute(update(m.Job).where(m.Job.id == short).values(queue=task_queue.SHORT))
    must_claim(each_database, ids[0])
    with each_database.write.begin() as session:
        begun = now(session) - timedelta(seconds=30)
        session.execute(update(m.Job).where(m.Job.id == ids[0]).values(started_at=begun))
    new_worker(each_database)
    new_worker(each_database, name="short", queues=("short",))
    busy = new_worker(each_database)
    places = places_of(each_database)
    assert (places[ids[1]].position, places[ids[1]].starts_in_seconds) == (1, 0), "two workers are idle"
    with each_database.write.begin() as session:
        session.execute(delete(m.Worker).where(m.Worker.name == "science", m.Worker.id != busy))
        name = claim_name(host="box", pid=1, token="t", worker_id=busy)
        session.execute(update(m.Job).where(m.Job.id == ids[0]).values(worker=name))
    places = places_of(each_database)
    assert places.keys() == {*ids[1:], short}
    assert [places[id_].position for id_ in ids[1:]] == [1, 2, 3]
    assert [places[id_].starts_in_seconds for id_ in ids[1:]] == pytest.approx([70, 170, 270], abs=3)
    assert (places[short].position, places[short].starts_in_seconds) == (1, 0)


def test_a_job_without_an_estimate_hides_when_those_behind_it_start(database: Database) -> None:
    dataset = photos(database, 1_000)
    first, second = (new_job(database, dataset_id=dataset) for _ in range(2))
    new_worker(database)
    places = places_of(database)
    assert (places[first].position, places[first].starts_in_seconds) == (1, 0)
    assert (places[second].position, places[second].starts_in_seconds) == (2, None)
    with database.write.begin() as session:
        jobs.request_cancel(session, first)
    assert places_of(database)[second].position == 1
