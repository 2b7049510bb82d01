"""Evidence: the same learner is trained on clean and on delivered images, and tested on clean ones."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.evaluation.evaluation_data import EvaluationData, no_evidence
from core.evaluation.evidence_cases import EvidenceCase, photograph_cases, small_image_cases
from core.evaluation.learner_cost import LearnerCost, measure_cost
from core.evaluation.learner_run import LearnerConfig, ScaledProgress, load_curve, measure_curve
from core.evaluation.mean_arm import mean_arm
from core.evaluation.paired_difference import paired_difference
from core.evaluation.row_work import RowWork
from core.evaluation.subset import stratified_subset
from core.evaluation.time_budget import MAX_UNPLANNED_UPDATES, OutOfTime, TimeBudget
from core.models.pretrained import pretrained_weights_file
from core.results.evidence import Curve, Evidence, EvidenceRow
from core.runtime.awake_clock import awake_seconds
from core.runtime.context import RunContext
from core.specs.catalog import LEARNER_LABELS
from core.specs.configs import LearnerSchedule, Preset
from core.specs.photographs import learner_schedule
from core.specs.protect import EVIDENCE_RUNS, ProtectSpec
from core.training.labelled_images import LabelledArrays

ARMS = ("before", "after")


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
        self._train, self._test = np.flatnonzero(~data.test_mask), np.flatnonzero(data.test_mask)
        self._runs = EVIDENCE_RUNS[spec.evidence]
        self._pixels = {data.clean.shape[-1]: (data.clean, data.delivered)}
        self._cases = self._choose_cases()
        self.budget = self._open_budget()
        if self.budget is not None and self.budget.test_images < len(self._test):
            chosen = stratified_subset(data.labels[self._test], self.budget.test_images, seed=spec.seed)
            self._test = self._test[chosen]

    @property
    def test(self) -> LabelledArrays:
        """The clean test images at the size of the report."""
        return self._images(None, "before").select(self._test)

    def rows(self) -> Iterator[EvidenceRow]:
        """Measure one row after the other."""
        expected = [self._expected_updates(case) for case in self._cases]
        total = sum(updates * self._passes(case) for updates, case in zip(expected, self._cases, strict=True))
        self._run.progress.start("evidence", 2 * total)
        for number, (case, updates) in enumerate(zip(self._cases, expected, strict=True)):
            share = updates * self._passes(case)
            if self.budget is None:
                yield self._row(case, updates, self._train, share, runs=self._runs)
            elif (plan := self.budget.begin(number)) is not None:
                chosen = stratified_subset(self._data.labels[self._train], plan.train_images, seed=self._spec.seed)
                try:
                    row = self._row(
                        case, plan.updates, self._train[chosen], share, runs=plan.runs, check=self._check(number)
                    )
                except OutOfTime:
                    self.budget.leave_out(number)
                    continue
                self.budget.end(number)
                yield row

    def _choose_cases(self) -> list[EvidenceCase]:
        amount, radius, learner = self._spec.evidence, self._spec.adversarial_radius, self._preset.architecture
        if self._data.load_photographs is None:
            return small_image_cases(amount, radius, learner=learner)
        has_pretrained = pretrained_weights_file(self._run.pretrained_weights) is not None
        return photograph_cases(amount, radius, learner=learner, has_pretrained=has_pretrained)

    def _images(self, size: int | None, arm: str) -> LabelledArrays:
        """All images at a size, as uploaded ("before") or as delivered ("after")."""
        size = size or self._data.clean.shape[-1]
        if size not in self._pixels:
            assert self._data.load_photographs is not None, "small images have one size"
            self._pixels[size] = self._data.load_photographs(size)
        pixels = dict(zip(ARMS, self._pixels[size], strict=True))[arm]
        return LabelledArrays(pixels=pixels, labels=self._data.labels, classes=self._data.classes)

    def _open_budget(self) -> TimeBudget | None:
        seconds = self._spec.evidence_seconds
        updates = [self._schedule(case).length.updates(len(self._train)) for case in self._cases]
        if seconds is None or max(updates, default=0) <= MAX_UNPLANNED_UPDATES:
            return None
        self._run.progress.start("evidence", 0)
        works = [
            RowWork(
                name=case.name,
                updates=self._full_updates(case),
                batch=self._schedule(case).length.batch,
                train_images=len(self._train),
                test_images=len(self._test),
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
            images = self._images(case.size, "before")
            train, test = images.select(self._train), images.select(self._test)
            return measure_cost(self._config(case, self._full_updates(case)), train, test, self._run)

        spent = self._data.decoding_seconds
        return TimeBudget(seconds, works, cost_of, self._run.checkpoints, spent=spent)

    def _check(self, number: int) -> Callable[[], None]:
        """What stops a row that runs over."""
        budget = self.budget
        return (lambda: None) if budget is None else (lambda: budget.check(number))

    def _schedule(self, case: EvidenceCase) -> LearnerSchedule:
        return learner_schedule(case.learner, self._preset, self._spec.evidence)

    def _full_updates(self, case: EvidenceCase) -> int:
        return self._schedule(case).length.updates(len(self._train))

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

    def _row(
        self,
        case: EvidenceCase,
        updates: int,
        train: NDArray[np.int64],
        share: int,
        *,
        runs: int,
        check: Callable[[], None] = lambda: None,
    ) -> EvidenceRow:
        """Measure a row; the runs of each of its learners together advance the progress by `share`. What `check` raises
        stops it."""
        config = self._config(case, updates)
        curves: dict[str, list[Curve]] = {arm: [] for arm in ARMS}
        test = self._images(case.size, "before").select(self._test)
        for number in range(runs):
            for arm in ARMS:
                name = f"{case.key}-{arm}" if number == 0 else f"{case.key}-{arm}-{number}"
                known = load_curve(self._run, name)
                progress = ScaledProgress(self._run.progress, share / updates / runs, check=check)
                if known is None:
                    images, scaled = self._images(case.size, arm).select(train), self._run.with_progress(progress)
                    seeded = replace(config, seed=config.seed + number)
                    known = measure_curve(seeded, images, test, scaled, name=name, keep=arm == "before")
                else:
                    ScaledProgress(self._run.progress, share / updates / runs).advance(updates)
                curves[arm].append(known)
        return _row(case, curves, len(test), self._spec)


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
