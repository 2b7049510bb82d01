"""What a worker counts of the jobs that it runs: stages, attempts and how they ended, killed decoders."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from core.errors import Cancelled
from core.runtime.event_counts import count_event, take_event_counts
from core.runtime.progress import Step
from store import models as m
from store.counters import read_counters
from store.tally import Key, tally
from tests.support.rows import expire, must_claim, new_job
from tests.worker.conftest import Upload
from worker.attempt_end import end_stopped, end_with_error
from worker.context import WorkerContext
from worker.counting import write_counts
from worker.executor import run_job
from worker.recovery import recover
from worker.stage_times import StageTimes
from worker.stop_reasons import LeaseLost, WorkerStopping


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    """Other tests of this process count too."""
    tally.take()
    take_event_counts()
    yield
    tally.take()


def counters_of(context: WorkerContext) -> dict[Key, float]:
    write_counts(context.database)
    with context.database.read() as session:
        return read_counters(session)


def test_a_real_check_is_counted_with_its_stages(context: WorkerContext, upload: Upload) -> None:
    _, job_id = upload(classes=2, per_class=5)
    assert run_job(context, job_id)
    with context.database.read() as session:
        found = read_counters(session)  # the executor has written them
    assert found[("attempts", "check", "succeeded")] == 1
    assert found[("stage_runs", "check", "decoding")] == 1
    assert found[("stage_seconds", "check", "decoding")] > 0
    assert {name for name, *_ in found} <= {"attempts", "stage_runs", "stage_seconds", "stage_units"}


def test_each_end_of_an_attempt_is_counted(context: WorkerContext) -> None:
    ends = (
        lambda claim: end_stopped(context, claim, WorkerStopping()),
        lambda claim: end_stopped(context, claim, Cancelled()),
        lambda claim: end_with_error(context, claim, MemoryError()),
    )
    for end in ends:
        claim = must_claim(context.database, new_job(context.database))
        with suppress(MemoryError):  # raised again for the log
            end(claim)
    lost = new_job(context.database)
    old = must_claim(context.database, lost)
    expire(context.database, lost)
    recover(context)
    end_stopped(context, old, LeaseLost())
    expected = dict.fromkeys([("attempts", m.PROTECT, how) for how in ("released", "canceled", "failed", "lost")], 1)
    assert counters_of(context) == expected


def test_a_stage_counts_its_time_and_the_units_that_it_did() -> None:
    times = StageTimes("protect")
    for stage, done, total in (("decoding", 0, 10), ("decoding", 7, 10), ("noise", 4, 9), ("noise", 6, 9)):
        times.observe(Step(stage=stage, done=done, total=total, seconds=0.0))
    times.end()
    times.end()
    taken = tally.take()
    assert taken[("stage_units", "protect", "decoding")] == 10, "the next stage began, so this one was done"
    assert taken[("stage_units", "protect", "noise")] == 2, "four were there from an earlier attempt"
    assert [taken[("stage_runs", "protect", stage)] for stage in ("decoding", "noise")] == [1, 1]


def test_events_of_the_science_are_counted_once(context: WorkerContext) -> None:
    count_event("sandbox_kills", "crashed")
    assert counters_of(context) == counters_of(context) == {("sandbox_kills", "crashed"): 1}
