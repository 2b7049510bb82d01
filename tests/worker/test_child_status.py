"""The status files of the children: who has ended, and the jobs that ran there go back into their queue at once."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from store import leases
from store import models as m
from store.database import connect
from tests.support.processes import environment
from tests.support.rows import job_of, must_claim, new_job
from tests.support.waiting import wait_until
from worker.child_status import RunningClaim, has_ended, status_folder
from worker.context import WorkerContext
from worker.database_outage import release_after_database_outage
from worker.next_job import run_first_job
from worker.recovery import recover_ended_children

CHILD = """
import sys, time
from store.settings import get_settings
from worker.child_status import RunningClaim, announce_claim, open_child_status
open_child_status(get_settings())
announce_claim(RunningClaim(job_id=sys.argv[1], worker=sys.argv[2]))
print("running", flush=True)
time.sleep(60)
"""


def a_child(context: WorkerContext, claim: RunningClaim) -> "subprocess.Popen[str]":
    """A process that says that it runs this job."""
    command = [sys.executable, "-c", CHILD, claim.job_id, claim.worker]
    child = subprocess.Popen(command, env=environment(context.settings), stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n"
    child.stdout.close()
    return child


def test_the_job_of_a_killed_child_runs_again_at_once(context: WorkerContext) -> None:
    id_ = new_job(context.database)
    held = must_claim(context.database, id_)
    child = a_child(context, RunningClaim(job_id=id_, worker=held.worker))
    (path,) = status_folder(context.settings).iterdir()
    last = path.stat().st_mtime_ns
    wait_until(lambda: path.stat().st_mtime_ns != last, seconds=5)
    assert not has_ended(path)
    recover_ended_children(context)
    assert job_of(context.database, id_).state == m.RUNNING
    child.kill()
    child.wait()
    assert has_ended(path)
    recover_ended_children(context)
    row = job_of(context.database, id_)
    assert (row.state, row.attempt, row.released) == (m.QUEUED, 1, 0)
    assert list(status_folder(context.settings).iterdir()) == []


def test_a_child_that_ended_after_its_job_harms_no_other_attempt(context: WorkerContext) -> None:
    id_ = new_job(context.database)
    held = must_claim(context.database, id_, worker="another")
    child = a_child(context, RunningClaim(job_id=id_, worker="an earlier one"))
    child.kill()
    child.wait()
    recover_ended_children(context)
    with context.database.read() as session:
        assert leases.lease_status(session, held) is leases.LeaseStatus.HELD


def test_a_message_runs_the_first_job_of_its_queue(context: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, other = (new_job(context.database, kind=kind) for kind in (m.TRIAL, m.TRIAL, m.CHECK))
    tried: list[str] = []
    monkeypatch.setattr("worker.next_job.run_job", lambda _, id_: tried.append(id_) or id_ != first)
    run_first_job(context, second, queue="short")  # the first is claimed by another worker at the same moment
    assert tried == [first, second]
    run_first_job(context, second, queue="check")
    assert tried[2:] == [other]


class Outage:
    """Fails as a database that is away, and then answers."""

    def __init__(self, times: int, error: Exception) -> None:
        self.left, self.error = times, error

    def __call__(self, begin: object) -> object:
        def failing() -> object:
            if self.left:
                self.left -= 1
                raise self.error
            return begin()  # type: ignore[operator]

        return failing


@pytest.mark.parametrize(("outages", "released"), [(2, 1), (0, 0)])
def test_an_outage_of_the_database_costs_no_attempt_and_another_error_does(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, outages: int, released: int
) -> None:
    claim = must_claim(context.database, new_job(context.database))
    error = OperationalError("UPDATE jobs", {}, Exception("server closed the connection"))
    monkeypatch.setattr("worker.database_outage.POLL_SECONDS", 0.01)
    write = context.database.write
    monkeypatch.setattr(write, "begin", Outage(outages, error)(write.begin))
    release_after_database_outage(context, claim, error)
    row = job_of(context.database, claim.job_id)
    assert (row.released, row.state) == (released, m.QUEUED if released else m.RUNNING)


def test_a_server_that_is_back_at_once_costs_no_attempt_either(context: WorkerContext, tmp_path: Path) -> None:
    """The job met a server that accepted no connection, and the worker finds it back: no connection was broken."""
    claim = must_claim(context.database, new_job(context.database))
    away = connect(f"postgresql+psycopg://nobody@/nothing?host={tmp_path}")
    with pytest.raises(OperationalError) as caught, away.engine.connect():
        pass
    away.dispose()
    assert not caught.value.connection_invalidated
    release_after_database_outage(context, claim, caught.value)
    row = job_of(context.database, claim.job_id)
    assert (row.state, row.attempt, row.released) == (m.QUEUED, 1, 1)
