"""Two real workers and one job: the idle one helps, the report stays the same, and a killed one costs one piece."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.specs.presets import PRESETS
from store import jobs
from store import models as m
from store.object_keys import checkpoint_prefix, dataset_prefix
from store.settings import Settings
from tests.support.helping_workers import count_claimed_pieces, helped, kill_child, roles, start_pair
from tests.support.processes import Command
from tests.support.rows import job_of, new_job
from tests.support.waiting import wait_until
from tests.support.workers import Start, count_claims, enqueue, wait_for_state
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import run_job

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
ROWS = {"trainings": [{"radius": 0}], "percentages": [50, 100], "seeds": 2}  # ten learners
LEARNERS = 10
PROTECTION = {"method": "em", "radius_u": 6, "radius_a": 3, "evidence": "none"}
FEW_UPDATES = """
from dataclasses import replace
from core.specs.configs import TrainingLength
from core.specs.presets import PRESETS, QUICK
length = TrainingLength(epochs=0, min_updates=20, max_updates=20, batch=64)
schedules = {name: replace(schedule, length=length) for name, schedule in QUICK.schedules.items()}
PRESETS["quick"] = replace(QUICK, schedules=schedules)
"""


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    """A lease that lasts while two processes import torch on a busy machine; one that is killed is noticed at once."""
    return make_settings(lease_seconds=30)


@pytest.fixture(autouse=True)
def few_updates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learners take a second or two, in this process and in those that it starts."""
    monkeypatch.setitem(PRESETS, "quick", PRESETS["quick"])  # restored after the test
    exec(FEW_UPDATES, {})
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FEW_UPDATES)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.fixture
def target(context: WorkerContext, upload: Upload, generator: m.Generator) -> m.Job:
    """A protect job that succeeded."""
    dataset_id, check = upload(classes=3, per_class=90)
    run_job(context, check)
    id_ = new_job(context.database, dataset_id=dataset_id, generator_id=generator.id, **PROTECTION)
    run_job(context, id_)
    row = job_of(context.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    return row


@pytest.fixture
def expected(context: WorkerContext, target: m.Job) -> dict[str, Any]:
    """The report of a verification that one process makes alone."""
    id_ = request_verification(context, target)
    run_job(context, id_)
    return report_of(context, id_)


@pytest.fixture
def workers(
    context: WorkerContext, broker: "subprocess.Popen[bytes]", commands: Start, expected: dict[str, Any]
) -> list[Command]:
    """Two of them; they start when nothing else computes."""
    return start_pair(commands, context)


def request_verification(context: WorkerContext, target: m.Job, **spec: Any) -> str:
    """Nothing is kept of an earlier one."""
    dataset_id = str(target.dataset_id)
    context.files.delete_prefix(f"{dataset_prefix(dataset_id)}/curves")
    with context.database.write.begin() as session:
        new = jobs.NewJob(
            owner_id=target.owner_id,
            kind=m.VERIFY,
            dataset_id=dataset_id,
            target_job_id=target.id,
            spec=ROWS | spec,
        )
        return jobs.create(session, new).id


def report_of(context: WorkerContext, id_: str) -> dict[str, Any]:
    """A report without what differs between two jobs: the id, the date and the time that it took."""
    row = job_of(context.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    report: dict[str, Any] = json.loads(context.files.load(str(row.report_key)))
    return {name: value for name, value in report.items() if name not in ("job_id", "created_at", "seconds")}


def pieces_of(context: WorkerContext, id_: str) -> dict[str, str]:
    with context.database.read() as session:
        rows = session.execute(select(m.Piece.name, m.Piece.state).where(m.Piece.job_id == id_))
        return {row.name: row.state for row in rows}


def test_an_idle_worker_helps_and_the_report_is_the_same(
    context: WorkerContext, target: m.Job, expected: dict[str, Any], workers: list[Command]
) -> None:
    id_ = request_verification(context, target)
    enqueue(context, id_, m.VERIFY)
    owner, helper = roles(workers)
    row = wait_for_state(context, id_, m.SUCCEEDED, seconds=300)
    assert row.attempt == 1
    assert 2 <= len(helped(helper)) < LEARNERS
    assert helped(owner) == []
    assert report_of(context, id_) == expected
    wait_until(lambda: pieces_of(context, id_) == {}, seconds=60)
    wait_until(lambda: context.files.list(checkpoint_prefix(id_)) == [], seconds=60)


def test_a_killed_helper_costs_one_piece_and_a_killed_owner_none_that_is_finished(
    context: WorkerContext, target: m.Job, expected: dict[str, Any], workers: list[Command]
) -> None:
    id_ = request_verification(context, target)
    enqueue(context, id_, m.VERIFY)
    owner, helper = roles(workers)
    wait_until(lambda: count_claimed_pieces(helper) >= 2, seconds=120)  # it has finished one
    kill_child(helper)
    done = helped(helper)
    assert job_of(context.database, id_).attempt == 1
    kill_child(owner)
    row = wait_for_state(context, id_, m.SUCCEEDED, seconds=300)
    assert row.attempt == 2
    assert report_of(context, id_) == expected
    assert done
    again = [piece for worker in workers for piece in helped(worker)]
    assert all(again.count(piece) == 1 for piece in done)


def test_a_helper_leaves_its_piece_for_a_whole_job_and_stops_with_a_canceled_one(
    context: WorkerContext, target: m.Job, workers: list[Command], generator: m.Generator
) -> None:
    id_ = request_verification(context, target, trainings=[{"radius": 16}], seeds=6)
    enqueue(context, id_, m.VERIFY)
    _, helper = roles(workers)
    wait_until(lambda: count_claimed_pieces(helper), seconds=120)
    whole = new_job(
        context.database, dataset_id=str(target.dataset_id), generator_id=generator.id, seed=4, **PROTECTION
    )
    enqueue(context, whole, m.PROTECT)
    wait_for_state(context, whole, m.SUCCEEDED, seconds=120)
    assert count_claims(helper) == 1
    claimed = count_claimed_pieces(helper)
    wait_until(lambda: count_claimed_pieces(helper) > claimed, seconds=60)  # it was woken again
    with context.database.write.begin() as session:
        assert jobs.request_cancel(session, id_)
    wait_for_state(context, id_, m.CANCELED, seconds=60)
    wait_until(lambda: helped(helper, "lost") or '"LeaseLost"' in helper.said(), seconds=60)
    wait_until(lambda: pieces_of(context, id_) == {}, seconds=60)
    wait_until(lambda: context.files.list(f"jobs/{id_}") == [], seconds=60)
