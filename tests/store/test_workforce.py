"""Which workers take which jobs, the rows of workers, and what a job says where no worker takes it."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from store import estimates, job_recovery, workers
from store import models as m
from store.database import Database
from store.queue_places import first_claimable
from store.settings import Settings
from store.task_queue import CPU, GPU, SCIENCE, SHORT, queue_of
from store.workers import claim_name
from store.workforce import GPU_MEMORY, queues_of, read_workforce
from tests.support.rows import DEFAULT, job_of, must_claim, new_dataset, new_job, new_worker, places_of

LEASE = DEFAULT.lease_seconds
GPU_QUEUES = queues_of(SCIENCE, has_gpu=True)


def a_paper_job(database: Database, kind: str = m.PROTECT, **spec: str) -> str:
    """Request a job with the preset of the paper; return its id."""
    dataset_id = new_dataset(database, images=20, bytes=20_000)
    id_ = new_job(database, dataset_id=dataset_id, kind=kind, **(spec or {"preset": "paper"}))
    with database.write.begin() as session:
        job = session.get_one(m.Job, id_)
        estimates.plan_job(session, job, session.get_one(m.Dataset, dataset_id), short_seconds=120)
    return id_


def next_jobs(database: Database, message_queue: str, settings: Settings = DEFAULT) -> list[str]:
    """The jobs that a worker takes after a message."""
    with database.read() as session:
        queues = read_workforce(session, settings).queues_behind(message_queue)
        return first_claimable(session, queues, limit=10)


@pytest.mark.parametrize(
    ("kind", "spec", "queue"),
    [
        (m.PROTECT, {"preset": "paper"}, GPU),
        (m.TRAIN, {"preset": "paper"}, GPU),
        (m.VERIFY, {"scale": "paper"}, GPU),
        (m.VERIFY, {"scale": "quick"}, CPU),
        (m.TRAIN, {"preset": "standard"}, CPU),
        (m.PROTECT, {"preset": "quick"}, SHORT),
    ],
)
def test_the_preset_of_the_paper_needs_a_gpu(database: Database, kind: str, spec: dict[str, str], queue: str) -> None:
    assert queue_of(job_of(database, a_paper_job(database, kind, **spec))) == queue


def test_a_cpu_worker_takes_a_gpu_job_only_where_there_is_no_gpu(each_database: Database) -> None:
    paper = a_paper_job(each_database)
    new_worker(each_database)
    assert next_jobs(each_database, CPU) == [paper]
    assert next_jobs(each_database, SCIENCE) == [paper], "a message of an earlier version"
    assert places_of(each_database)[paper].notice is None
    new_worker(each_database, queues=GPU_QUEUES)
    assert next_jobs(each_database, CPU) == []
    assert next_jobs(each_database, GPU) == [paper]
    with each_database.read() as session:
        found = read_workforce(session, DEFAULT)
    assert (found.message_queue(GPU), found.message_queue(CPU)) == (GPU, CPU)
    assert [len(found.serving(queue)) for queue in (GPU, CPU, SHORT, "check")] == [1, 2, 2, 0]


@pytest.mark.parametrize(
    ("silent", "takes"), [(LEASE + 5, False), (GPU_MEMORY.total_seconds() + 5, True)], ids=["lost", "gone"]
)
def test_a_gpu_worker_that_ended_without_a_word_may_come_back(database: Database, silent: float, takes: bool) -> None:
    paper = a_paper_job(database)
    new_worker(database)
    new_worker(database, queues=GPU_QUEUES, silent_seconds=silent)
    assert next_jobs(database, CPU) == ([paper] if takes else [])
    place = places_of(database)[paper]
    assert (place.workers, place.starts_in_seconds) == ((1, 0.0) if takes else (0, None))
    expected = None if takes else "No worker with a GPU is running, and this job waits for one"
    assert place.notice == expected


@pytest.mark.parametrize(("policy", "has_gpu", "takes"), [("gpu", False, False), ("any", True, True)])
def test_the_setting_declares_which_workers_take_gpu_jobs(
    database: Database, make_settings: Callable[..., Settings], policy: str, has_gpu: bool, takes: bool
) -> None:
    paper, settings = a_paper_job(database), make_settings(gpu_jobs=policy)
    new_worker(database)
    if has_gpu:
        new_worker(database, queues=GPU_QUEUES)
    assert next_jobs(database, CPU, settings) == ([paper] if takes else [])
    assert places_of(database, settings)[paper].workers == (2 if takes else 0)


def test_a_job_says_where_no_worker_takes_it_and_a_running_one_shows_that_some_do(each_database: Database) -> None:
    first, second = (new_job(each_database) for _ in range(2))
    place = places_of(each_database)[first]
    assert (place.queue, place.workers, place.starts_in_seconds) == (CPU, 0, None)
    assert place.notice == "No worker is running that takes this job"
    must_claim(each_database, first)  # by a worker of an earlier version, which has no row
    assert places_of(each_database)[second].notice is None


def test_the_row_of_a_silent_worker_holds_no_job_and_its_end_harms_none(each_database: Database) -> None:
    worker_id = new_worker(each_database, silent_seconds=LEASE + 5)
    held, waiting = (new_job(each_database) for _ in range(2))
    name = claim_name(host="a" * 300, pid=2**22, token="01234567", worker_id=worker_id)
    assert len(name) <= 200
    must_claim(each_database, held, worker=name)
    with each_database.read() as session:
        (listed,) = workers.listed(session, lease_seconds=LEASE)
        assert (listed.is_live, listed.job_id, listed.job_kind) == (False, held, m.PROTECT)
    assert next_jobs(each_database, CPU) == [waiting]
    with each_database.write.begin() as session:
        workers.remove(session, worker_id)
        report = job_recovery.recover_jobs(session, max_attempts=3, enqueue_seconds=15)
    assert report.requeued == (), "its lease decides"
    assert job_of(each_database, held).state == m.RUNNING


def test_rows_of_workers_that_ended_without_a_word_go_after_a_day(each_database: Database) -> None:
    day = workers.SILENT_TTL.total_seconds()
    old, lately = (new_worker(each_database, silent_seconds=day + seconds) for seconds in (60, -60))
    with each_database.write.begin() as session:
        assert workers.remove_silent(session) == [old]
        assert session.scalars(select(m.Worker.id)).all() == [lately]
