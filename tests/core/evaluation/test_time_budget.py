"""Evidence ends within its time: fewer updates, then fewer images, then fewer rows, and both learners always alike."""

import numpy as np
import pytest

from core.evaluation import time_budget
from core.evaluation.learner_cost import LearnerCost
from core.evaluation.row_work import RowWork
from core.evaluation.subset import stratified_subset
from core.evaluation.time_budget import (
    MIN_FIRST_UPDATES,
    MIN_TEST_IMAGES_IN_TIME,
    MIN_UPDATES,
    OutOfTime,
    TimeBudget,
)
from core.results.evidence_plan import EvidencePlan
from core.runtime.checkpoints import CheckpointStore
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.evidence_plans import is_shortened

ROWS = ("standard", "at-2", "at-4")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time_budget, "awake_seconds", clock.monotonic)
    return clock


def budget(
    seconds: float,
    *,
    costs: tuple[float, ...] = (0.1, 0.5, 0.5),
    updates: int = 300,
    images: int = 800,
    tests: int = 200,
    test_image: float = 0.0,
    runs: int = 1,
    checkpoints: CheckpointStore | None = None,
) -> TimeBudget:
    works = [
        RowWork(name=name, updates=updates, batch=128, train_images=images, test_images=tests, runs=runs)
        for name in ROWS[: len(costs)]
    ]
    measured = [LearnerCost(update=cost, test_image=test_image, train_image=0.0) for cost in costs]
    return TimeBudget(seconds, works, measured.__getitem__, checkpoints or MemoryCheckpointStore())


def run_rows(planned: TimeBudget, clock: Clock, costs: tuple[float, ...]) -> EvidencePlan:
    """Play the trainings of every row at these seconds for an update."""
    for number, cost in enumerate(costs):
        row = planned.begin(number)
        if row is not None:
            clock.seconds += 2 * row.runs * row.updates * cost
            planned.end(number)
    return planned.plan()


def test_what_fits_is_not_shortened(clock: Clock) -> None:
    costs = (0.1, 0.5, 0.5)  # 2 * 300 * 1.1 = 660 s
    plan = run_rows(budget(700.0, costs=costs), clock, costs)
    assert [(row.updates, row.train_images) for row in plan.rows] == [(300, 800)] * 3
    assert plan.left_out == ()
    assert not is_shortened(plan)


@pytest.mark.parametrize("seconds", [250.0, 300.0, 600.0])
@pytest.mark.parametrize("slower", [0.6, 1.0, 1.6])
def test_shorter_trainings_end_in_time_also_where_the_first_updates_mislead(
    clock: Clock, seconds: float, slower: float
) -> None:
    measured = (0.1, 0.5, 0.5)
    began = clock.seconds
    plan = run_rows(budget(seconds, costs=measured), clock, tuple(slower * cost for cost in measured))
    assert len(plan.rows) == 3
    assert is_shortened(plan)
    assert 0.8 * seconds <= clock.seconds - began <= 1.2 * seconds or plan.rows[-1].updates in (MIN_UPDATES, 300)


def test_short_trainings_see_fewer_images_as_often(clock: Clock) -> None:
    plan = run_rows(budget(120.0, costs=(0.1, 0.5), updates=800, images=50_000), clock, (0.1, 0.5))
    for row in plan.rows:
        passes = row.updates * 128 / row.train_images
        assert row.train_images < 50_000
        assert passes == pytest.approx(800 * 128 / 50_000, rel=0.05)  # as often as in the full training
    plan = run_rows(budget(120.0, costs=(0.1, 0.5), updates=800, images=20_000), clock, (0.1, 0.5))
    assert all(row.updates * 128 / row.train_images == pytest.approx(4, rel=0.05) for row in plan.rows)
    plan = run_rows(budget(120.0, costs=(0.1, 0.5)), clock, (0.1, 0.5))
    assert all(row.updates < 300 and row.train_images == 800 for row in plan.rows)


def test_learners_are_trained_again_with_other_seeds_only_where_whole_trainings_fit(clock: Clock) -> None:
    """3 * 2 * 300 * 1.1 = 1980 s. A full training says more than three short ones."""
    costs = (0.1, 0.5, 0.5)
    plan = run_rows(budget(2_100.0, costs=costs, runs=3), clock, costs)
    assert [(row.runs, row.updates) for row in plan.rows] == [(3, 300)] * 3
    assert not is_shortened(plan)
    plan = run_rows(budget(1_000.0, costs=costs, runs=3), clock, costs)
    assert [row.updates for row in plan.rows] == [300] * 3
    assert [row.runs for row in plan.rows[:2]] == [1, 1], "for the last row there may be time again"
    assert is_shortened(plan)
    plan = run_rows(budget(300.0, costs=costs, runs=3), clock, costs)
    assert {row.runs for row in plan.rows} == {1}
    assert plan.rows[0].updates < 300


def test_the_last_rows_are_left_out_and_named(clock: Clock) -> None:
    costs = (0.1, 2.0, 4.0)
    plan = run_rows(budget(300.0, costs=costs), clock, costs)
    assert [row.name for row in plan.rows] == ["standard", "at-2"]
    assert plan.left_out == ("at-4",)
    plan = run_rows(budget(60.0, costs=costs), clock, costs)
    assert plan.left_out == ("at-2", "at-4")


def test_the_first_row_is_measured_even_if_it_takes_too_long(clock: Clock) -> None:
    plan = run_rows(budget(60.0, costs=(30.0, 100.0)), clock, (30.0, 100.0))
    assert [(row.name, row.updates) for row in plan.rows] == [("standard", MIN_FIRST_UPDATES)]
    assert plan.left_out == ("at-2",)


def test_a_machine_that_gets_busy_stops_the_rows_that_run_over(clock: Clock) -> None:
    planned = budget(150.0)
    for number in (0, 1):
        assert planned.begin(number) is not None
        clock.seconds += 10.0 + 190.0 * number
        if number == 0:
            planned.check(number)
            planned.end(number)
    with pytest.raises(OutOfTime):
        planned.check(1)
    planned.leave_out(1)
    assert planned.begin(2) is None
    plan = planned.plan()
    assert ([row.name for row in plan.rows], plan.left_out) == (["standard"], ("at-2", "at-4"))


def test_the_first_row_is_not_stopped(clock: Clock) -> None:
    planned = budget(150.0)
    planned.begin(0)
    clock.seconds += 1_000.0
    planned.check(0)


def test_time_spent_on_decoding_counts(clock: Clock) -> None:
    works = [RowWork(name="standard", updates=300, batch=128, train_images=800, test_images=200)]
    cost = LearnerCost(update=0.5, test_image=0.0, train_image=0.0)
    updates = []
    for spent in (0.0, 100.0):
        row = TimeBudget(200.0, works, lambda _: cost, MemoryCheckpointStore(), spent=spent).begin(0)
        assert row is not None
        updates.append(row.updates)
    assert updates == [190, 90]


def test_slow_tests_use_fewer_test_images(clock: Clock) -> None:
    few = budget(300.0, costs=(0.1, 0.5), tests=2_000, test_image=0.01)
    assert few.test_images == 200
    some = budget(300.0, costs=(0.1, 0.5), tests=2_000, test_image=0.005)
    assert MIN_TEST_IMAGES_IN_TIME < some.test_images < 2_000
    assert budget(3_000.0, costs=(0.1, 0.5), tests=2_000, test_image=0.01).test_images == 2_000


def test_an_attempt_that_resumes_keeps_the_plans_and_the_time_that_was_spent(clock: Clock) -> None:
    checkpoints = MemoryCheckpointStore()
    first = budget(150.0, checkpoints=checkpoints)
    row = first.begin(0)
    assert row is not None
    clock.seconds += 2 * row.updates * 0.1
    first.end(0)
    second_row = first.begin(1)
    clock.seconds += 1_000  # the service was down

    def unwanted(number: int) -> LearnerCost:
        raise AssertionError("costs are known")

    works = [RowWork(name=name, updates=300, batch=128, train_images=800, test_images=200) for name in ROWS]
    resumed = TimeBudget(150.0, works, unwanted, checkpoints)
    assert (resumed.begin(0), resumed.begin(1)) == (row, second_row)
    last = resumed.begin(2)
    assert last is None or last.updates < 300


def test_a_subset_has_every_class_with_its_share() -> None:
    labels = np.array([0] * 600 + [1] * 300 + [2] * 100)
    chosen = stratified_subset(labels, 100, seed=3)
    assert len(set(chosen)) == 100
    assert np.bincount(labels[chosen]).tolist() == [60, 30, 10]
    assert set(chosen) <= set(stratified_subset(labels, 200, seed=3))
    assert stratified_subset(labels, 1000, seed=3).tolist() == list(range(1000))
