"""`unteachable worker --once` takes one job and ends, needs no broker, and puts its job back when it is stopped."""

import signal

import pytest

from store import models as m
from tests.support.rows import job_of, new_job, new_worker
from tests.support.waiting import wait_until
from tests.support.workers import Start, wait_for_stage
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.next_job import run_any_job


def test_it_takes_the_first_job_of_its_queues_only(context: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> None:
    paper, check, other = (new_job(context.database, kind=kind) for kind in (m.PROTECT, m.CHECK, m.PROTECT))
    with context.database.write.begin() as session:
        session.get_one(m.Job, paper).queue = "gpu"
    new_worker(context.database, queues=("gpu",))
    tried: list[str] = []
    monkeypatch.setattr("worker.next_job.run_job", lambda _, id_: tried.append(id_) or id_ != paper)
    assert run_any_job(context, ("cpu", "short"))
    assert run_any_job(context, ("check",))
    assert tried == [other, check]
    assert not run_any_job(context, ("gpu",)), "another worker claims it at the same moment"
    assert not run_any_job(context, ("short",))


@pytest.mark.slow
def test_it_runs_one_job_and_ends_and_a_stop_gives_the_next_one_back(
    context: WorkerContext, upload: Upload, commands: Start
) -> None:
    _, first = upload(classes=2, per_class=5)
    _, second = upload(classes=2, per_class=2_000)
    command = commands(context.settings, "worker", "--queue", "check", "--once")
    assert command.process.wait(120) == 0, command.said()
    assert [job_of(context.database, id_).state for id_ in (first, second)] == [m.SUCCEEDED, m.QUEUED]
    with context.database.read() as session:
        assert session.query(m.Worker).all() == []
    command = commands(context.settings, "worker", "--queue", "check", "--once")
    wait_for_stage(context, second)
    command.process.send_signal(signal.SIGTERM)
    assert command.process.wait(60) == 0, command.said()
    row = wait_until(lambda: (job := job_of(context.database, second)).state == m.QUEUED and job, seconds=30)
    assert (row.attempt, row.released) == (1, 1)
