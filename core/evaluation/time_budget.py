"""The time that evidence may take: how many updates, images and rows fit into it on the machine at hand.

Each row is planned when it begins, from the time that is left. Its plan is saved before its first learner is trained,
so both learners of a row are trained alike, also when a job resumes on another machine.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from core.evaluation.learner_cost import LearnerCost
from core.evaluation.row_work import RowWork
from core.results.evidence_plan import EvidencePlan, RowPlan
from core.runtime.awake_clock import awake_seconds
from core.runtime.checkpoints import CheckpointStore
from core.training.learner import MAX_CURVE_POINTS

MIN_UPDATES = 50  # with fewer a learner has learned too little to be compared; a row that cannot have them is left out
MIN_FIRST_UPDATES = 12  # of the first row, which stays; its accuracy on the originals shows whether they sufficed
MIN_TEST_IMAGES_IN_TIME = 200
MAX_TEST_SHARE = 0.25  # of the time; more test images than fit into it are left out
PLANNED_SHARE = 0.95  # of the time; the rest is for what takes longer than its first updates
MAX_UNPLANNED_UPDATES = 40  # timing the updates of so short a training would take as long as it
MAX_SLOWDOWN = 4.0  # between a row and its timing; more than that is taken for an accident
CHECKPOINT = "evidence-plan.json"


class OutOfTime(Exception):
    """A row ran beyond the time of the evidence."""


class TimeBudget:
    """Divides a time among the rows of the evidence. The rows come in the order of their weight: the last go first.

    Args:
        seconds: The time that all rows may take together.
        works: The rows.
        measure_cost: Times the learners of a row, given its index.
        checkpoints: Keep the plan, for an attempt that resumes.
        spent: Seconds of this attempt that went by before, such as for decoding.
    """

    def __init__(
        self,
        seconds: float,
        works: Sequence[RowWork],
        measure_cost: Callable[[int], LearnerCost],
        checkpoints: CheckpointStore,
        *,
        spent: float = 0.0,
    ) -> None:
        self._works, self._checkpoints = list(works), checkpoints
        began = awake_seconds() - spent
        state = _load(checkpoints)
        if state is None:
            costs = [measure_cost(number) for number in range(len(self._works))]
            state = _State(seconds=seconds, costs=costs, rows={}, spent=0.0, test_images=None)
        self._state = state
        self._began = began - state.spent
        self._row_began: float | None = None  # None for a row that an earlier attempt began
        self._slowdown = 1.0  # how much longer a row took than its first updates promised
        if state.test_images is None:
            self._state = replace(self._state, test_images=self._choose_test_images())
        self._expected = {row.name: row for row in self._fit(0)}
        self._save()

    @property
    def test_images(self) -> int:
        """The number of test images, for all rows."""
        assert self._state.test_images is not None
        return self._state.test_images

    def expected_updates(self, name: str) -> int:
        """The updates of a row by the first plan, for the progress; 0 for a row that is left out."""
        row = self._state.rows.get(name) or self._expected.get(name)
        return row.updates if row else 0

    def begin(self, number: int) -> RowPlan | None:
        """Plan a row and save its plan; the plan of an earlier attempt stays as it is.

        Args:
            number: The index of the row.

        Returns:
            The plan; None where there is no time for the row.
        """
        name = self._works[number].name
        if name in self._state.rows:
            return self._state.rows[name]
        fitting = {row.name: row for row in self._fit(number)}
        if name not in fitting:
            return None
        self._state.rows[name] = fitting[name]
        self._save()
        self._row_began = awake_seconds()
        return fitting[name]

    def check(self, number: int) -> None:
        """Stop a row that runs beyond the time of all rows, such as on a machine that got busy.

        Args:
            number: The index of the row.

        Raises:
            OutOfTime: The time is over. The first row goes on: without it there would be no evidence.
        """
        if number > 0 and awake_seconds() - self._began > self._state.seconds:
            raise OutOfTime

    def leave_out(self, number: int) -> None:
        """Take back the plan of a row that was stopped.

        Args:
            number: The index of the row.
        """
        del self._state.rows[self._works[number].name]
        self._row_began = None
        self._save()

    def end(self, number: int) -> None:
        """Note that a row is measured. How long it took corrects the plans of the rows after it.

        Args:
            number: The index of the row.
        """
        promised = self._seconds(number, self._state.rows[self._works[number].name])
        if self._row_began is not None and promised:
            taken = awake_seconds() - self._row_began
            self._slowdown = min(MAX_SLOWDOWN, max(1 / MAX_SLOWDOWN, taken / promised))
        self._row_began = None
        self._save()

    def plan(self) -> EvidencePlan:
        """What was planned, for the report."""
        return EvidencePlan(
            seconds=self._state.seconds,
            rows=tuple(self._state.rows[w.name] for w in self._works if w.name in self._state.rows),
            left_out=tuple(w.name for w in self._works if w.name not in self._state.rows),
            full_train_images=self._works[0].train_images,
            full_test_images=self._works[0].test_images,
        )

    def _seconds(self, number: int, row: RowPlan) -> float:
        """How long both learners of a row take, with all their runs."""
        tested = self._works[number].test_images if self._state.test_images is None else self._state.test_images
        cost = self._state.costs[number]
        return 2 * row.runs * cost.seconds(row.updates, train_images=row.train_images, test_images=tested)

    def _choose_test_images(self) -> int:
        """All of them, or as many as can be tested in MAX_TEST_SHARE of the time."""
        everything = self._works[0].test_images
        full = [_row(work, work.updates) for work in self._works]
        if sum(self._seconds(i, row) for i, row in enumerate(full)) <= self._time_left():
            return everything
        per_image = 2 * MAX_CURVE_POINTS * sum(cost.test_image for cost in self._state.costs)
        affordable = everything if per_image == 0 else int(MAX_TEST_SHARE * self._state.seconds / per_image)
        return min(everything, max(MIN_TEST_IMAGES_IN_TIME, affordable))

    def _time_left(self) -> float:
        return PLANNED_SHARE * self._state.seconds - (awake_seconds() - self._began)

    def _fit(self, first: int) -> list[RowPlan]:
        """The rows from `first` on that fit into the time that is left; the first row of all always stays.

        Where they do not fit whole, each learner is trained once: a full training says more than short ones repeated.
        """
        left = self._time_left() / self._slowdown
        works = self._works
        numbers = [n for n in range(first, len(self._works)) if self._works[n].name not in self._state.rows]
        everything = [_row(works[n], works[n].updates, runs=works[n].runs) for n in numbers]
        if sum(self._seconds(n, row) for n, row in zip(numbers, everything, strict=True)) <= left:
            return everything
        while numbers and numbers != [0] and self._total(numbers, 0.0) > left:
            numbers.pop()
        return self._rows(numbers, self._largest_share(numbers, left))

    def _largest_share(self, numbers: Sequence[int], seconds: float) -> float:
        """The largest share of their updates, 0 to 1, with which the rows fit into the time; found by bisection."""
        low, high = 0.0, 1.0
        if self._total(numbers, high) <= seconds:
            return high
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self._total(numbers, middle) <= seconds else (low, middle)
        return low

    def _rows(self, numbers: Sequence[int], share: float) -> list[RowPlan]:
        floors = {n: MIN_UPDATES if n else MIN_FIRST_UPDATES for n in numbers}
        return [_row(self._works[n], _shortened(self._works[n].updates, share, floors[n])) for n in numbers]

    def _total(self, numbers: Sequence[int], share: float) -> float:
        return sum(self._seconds(n, row) for n, row in zip(numbers, self._rows(numbers, share), strict=True))

    def _save(self) -> None:
        self._state = replace(self._state, spent=awake_seconds() - self._began)
        self._checkpoints.save(CHECKPOINT, json.dumps(asdict(self._state)).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What an attempt that resumes needs to know."""

    seconds: float
    costs: list[LearnerCost]
    rows: dict[str, RowPlan]
    spent: float
    test_images: int | None


def _load(checkpoints: CheckpointStore) -> _State | None:
    data = checkpoints.load(CHECKPOINT)
    if data is None:
        return None
    state = json.loads(data)
    costs = [LearnerCost(**cost) for cost in state["costs"]]
    rows = {name: RowPlan(**row) for name, row in state["rows"].items()}
    return _State(**{**state, "costs": costs, "rows": rows})


def _shortened(updates: int, share: float, at_least: int) -> int:
    return min(updates, max(at_least, round(share * updates)))


def _row(work: RowWork, updates: int, *, runs: int = 1) -> RowPlan:
    return RowPlan(
        name=work.name,
        updates=updates,
        full_updates=work.updates,
        train_images=work.train_images_for(updates),
        runs=runs,
        full_runs=work.runs,
    )
