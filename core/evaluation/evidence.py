"""Evidence: the same learner is trained on clean and on delivered images, and tested on clean ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from core.evaluation.evaluation_data import EvaluationData, no_evidence
from core.evaluation.evidence_cases import EvidenceCase, photograph_cases, small_image_cases
from core.evaluation.evidence_data import ARMS, EvidenceData
from core.evaluation.learner import ImageChoice, Learner
from core.evaluation.learner_cost import LearnerCost, measure_cost
from core.evaluation.learner_pool import LearnerPool
from core.evaluation.learner_run import LearnerConfig
from core.evaluation.mean_arm import mean_arm
from core.evaluation.paired_difference import paired_difference
from core.evaluation.row_work import RowWork
from core.evaluation.time_budget import MAX_UNPLANNED_UPDATES, OutOfTime, TimeBudget
from core.models.pretrained import pretrained_weights_file
from core.results.evidence import Curve, Evidence, EvidenceRow
from core.results.evidence_plan import RowPlan
from core.runtime.awake_clock import awake_seconds
from core.runtime.context import RunContext
from core.specs.catalog import LEARNER_LABELS
from core.specs.configs import LearnerSchedule, Preset
from core.specs.photographs import learner_schedule
from core.specs.protect import EVIDENCE_RUNS, ProtectSpec
from core.training.labelled_images import LabelledArrays


def measure_evidence(data: EvaluationData, spec: ProtectSpec, preset: Preset, run: RunContext) -> Evidence:
    """Measure the rows that the spec requests, within the time that it allows.

    Args:
        data: The images to compare.
        spec: The amount of evidence, the time for it, the radius of the adversarial training, and the seed.
        preset: The architecture and the schedule of the learners.
        run: Its checkpoints keep finished rows and the unfinished learner.

    Returns:
        The rows, or the note of `data` without rows.
    """
    if data.note is not None:
        return no_evidence(data, preset, note=data.note)
    began = awake_seconds() - data.decoding_seconds
    measurement = _Measurement(data, spec, preset, run)
    rows, tested = tuple(measurement.rows()), measurement.test.labels
    return replace(
        no_evidence(data, preset, note=None),
        test_images=len(tested),
        chance=data.chance(tested),
        rows=rows,
        seconds=awake_seconds() - began,
        plan=None if measurement.budget is None else measurement.budget.plan(),
    )


class _Measurement:
    """The learners of all rows.

    Attributes:
        test: The clean test images.
        budget: Divides the time among the rows; None where there is no limit, or so little to do that it cannot matter.
    """

    def __init__(self, data: EvaluationData, spec: ProtectSpec, preset: Preset, run: RunContext) -> None:
        self._data, self._spec, self._preset, self._run = data, spec, preset, run
        self._images = EvidenceData(data)
        self._pool = LearnerPool(self._images, run)
        self._train_images, self._test_images = len(self._images.train), len(self._images.test)
        self._runs = EVIDENCE_RUNS[spec.evidence]
        self._cases = self._choose_cases()
        self.budget = self._open_budget()
        if self.budget is not None:
            self._test_images = min(self._test_images, self.budget.test_images)

    @property
    def test(self) -> LabelledArrays:
        """The clean test images at the size of the report."""
        return self._images.test_images(self._choice(None, "before", self._train_images))

    def rows(self) -> Iterator[EvidenceRow]:
        """Measure one row after the other."""
        expected = [self._expected_updates(case) for case in self._cases]
        total = sum(updates * self._passes(case) for updates, case in zip(expected, self._cases, strict=True))
        self._run.progress.start("evidence", 2 * total)
        learners = partial(self._learners, expected=dict(zip(self._cases, expected, strict=True)))
        if self.budget is None:
            self._pool.add(one for case in self._cases for _, one in learners(case, self._full_plan(case)))
        for number, case in enumerate(self._cases):
            if self.budget is None:
                yield self._row(case, learners(case, self._full_plan(case)))
            elif (plan := self.budget.begin(number)) is not None:
                planned = learners(case, plan)
                self._pool.add(one for _, one in planned)
                try:
                    row = self._row(case, planned, check=partial(self.budget.check, number))
                except OutOfTime:
                    self._pool.withdraw(one for _, one in planned)
                    self.budget.leave_out(number)
                    continue
                self.budget.end(number)
                yield row
        self._pool.close()

    def _choose_cases(self) -> list[EvidenceCase]:
        amount, radius, learner = self._spec.evidence, self._spec.adversarial_radius, self._preset.architecture
        if self._data.load_photographs is None:
            return small_image_cases(amount, radius, learner=learner)
        has_pretrained = pretrained_weights_file(self._run.pretrained_weights) is not None
        return photograph_cases(amount, radius, learner=learner, has_pretrained=has_pretrained)

    def _choice(self, size: int | None, arm: str, train_images: int) -> ImageChoice:
        return ImageChoice(
            arm=arm,
            size=size,
            train_images=train_images,
            test_images=self._test_images,
            seed=self._spec.seed,
        )

    def _open_budget(self) -> TimeBudget | None:
        seconds = self._spec.evidence_seconds
        updates = [self._schedule(case).length.updates(self._train_images) for case in self._cases]
        if seconds is None or max(updates, default=0) <= MAX_UNPLANNED_UPDATES:
            return None
        self._run.progress.start("evidence", 0)
        works = [
            RowWork(
                name=case.name,
                updates=self._full_updates(case),
                batch=self._schedule(case).length.batch,
                train_images=self._train_images,
                test_images=self._test_images,
                runs=self._runs,
            )
            for case in self._cases
        ]

        costs: dict[EvidenceCase, LearnerCost] = {}

        def cost_of(number: int) -> LearnerCost:
            case = replace(self._cases[number], countermeasure=None)  # which changes images once, in next to no time
            if case not in costs:
                costs[case] = time_learner(case)
            return costs[case]

        def time_learner(case: EvidenceCase) -> LearnerCost:
            choice = self._choice(case.size, "before", self._train_images)
            train, test = self._images.training_images(choice), self._images.test_images(choice)
            at_once = min(self._pool.at_once, len(ARMS))
            return measure_cost(self._config(case, self._full_updates(case)), train, test, self._run, at_once=at_once)

        spent = self._data.decoding_seconds
        return TimeBudget(seconds, works, cost_of, self._run.checkpoints, spent=spent)

    def _schedule(self, case: EvidenceCase) -> LearnerSchedule:
        photographs = self._data.load_photographs is not None
        return learner_schedule(case.learner, self._preset, self._spec.evidence, photographs=photographs)

    def _full_updates(self, case: EvidenceCase) -> int:
        return self._schedule(case).length.updates(self._train_images)

    def _expected_updates(self, case: EvidenceCase) -> int:
        return self._full_updates(case) if self.budget is None else self.budget.expected_updates(case.name)

    def _passes(self, case: EvidenceCase) -> int:
        """Forward and backward passes of one update, which make the progress even over rows of unequal cost."""
        return 1 + (self._schedule(case).attack_steps if case.radius else 0)

    def _config(self, case: EvidenceCase, updates: int) -> LearnerConfig:
        return LearnerConfig(
            architecture=case.learner,
            radius=case.radius,
            countermeasure=case.countermeasure,
            seed=self._spec.seed,
            updates=updates,
            schedule=self._schedule(case),
            photographs=self._data.load_photographs is not None,
        )

    def _full_plan(self, case: EvidenceCase) -> RowPlan:
        """The plan of a row without a limit of time."""
        updates = self._full_updates(case)
        return RowPlan(
            name=case.name,
            updates=updates,
            full_updates=updates,
            train_images=self._train_images,
            runs=self._runs,
            full_runs=self._runs,
        )

    def _learners(
        self, case: EvidenceCase, plan: RowPlan, *, expected: Mapping[EvidenceCase, int]
    ) -> list[tuple[str, Learner]]:
        """The learners of a row with their arms, run by run; together they advance the progress by what is expected."""
        config = self._config(case, plan.updates)
        units = expected[case] * self._passes(case) / plan.updates / plan.runs
        return [
            (
                arm,
                Learner(
                    name=f"{case.key}-{arm}" if number == 0 else f"{case.key}-{arm}-{number}",
                    config=replace(config, seed=config.seed + number),
                    choice=self._choice(case.size, arm, plan.train_images),
                    units=units,
                ),
            )
            for number in range(plan.runs)
            for arm in ARMS
        ]

    def _row(
        self, case: EvidenceCase, learners: Sequence[tuple[str, Learner]], *, check: Callable[[], None] = lambda: None
    ) -> EvidenceRow:
        """Measure a row. What `check` raises stops it."""
        curves: dict[str, list[Curve]] = {arm: [] for arm in ARMS}
        for arm, learner in learners:
            curves[arm].append(self._pool.curve(learner, check=check))
        return _row(case, curves, self._test_images, self._spec)


def _row(case: EvidenceCase, curves: dict[str, list[Curve]], tested: int, spec: ProtectSpec) -> EvidenceRow:
    arms = {arm: mean_arm(found, tested=tested) for arm, found in curves.items()}
    before, after = arms["before"], arms["after"]
    answers = [curve.correct for curve in curves["before"]]
    return EvidenceRow(
        training="adversarial" if case.radius else "standard",
        norm="Linf" if case.radius else None,
        radius=case.radius,
        countermeasure=case.countermeasure,
        architecture=LEARNER_LABELS[case.learner],
        protected_percentage=spec.percentage,
        accuracy_before=before.accuracy,
        accuracy_after=after.accuracy,
        peak_before=before.peak,
        peak_after=after.peak,
        ci95_before=before.ci95,
        ci95_after=after.ci95,
        curves={name: arm.curve for name, arm in arms.items()},
        learner=case.learner,
        image_size=case.size,
        difference=paired_difference(answers, [curve.correct for curve in curves["after"]]),
        peak_difference=paired_difference(answers, [curve.correct_at_peak for curve in curves["after"]]),
        runs={name: arm.runs for name, arm in arms.items()},
    )
