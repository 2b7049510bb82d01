"""Evidence: the same learner is trained on clean and on delivered images, and tested on clean ones."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.evaluation.learner_cost import LearnerCost, measure_cost
from core.evaluation.learner_run import LearnerConfig, ScaledProgress, load_curve, measure_curve
from core.evaluation.sample_size import too_few_images
from core.evaluation.subset import stratified_subset
from core.evaluation.time_budget import MAX_UNPLANNED_UPDATES, RowWork, TimeBudget
from core.results.evidence import Curve, Evidence, EvidenceRow, Interval, training_name, wilson_interval
from core.runtime.context import RunContext
from core.specs.catalog import ARCHITECTURE_LABELS
from core.specs.configs import Preset
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays

CHEAP_COUNTERMEASURES = ("jpeg-75", "greyscale")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceCase:
    """What one row measures.

    Attributes:
        radius: Of the adversarial training, of 255; 0 is standard training.
        countermeasure: What the learner does to the images first; None for nothing.
    """

    radius: int
    countermeasure: str | None = None

    @property
    def name(self) -> str:
        """How the training of this row is called in reports."""
        return training_name("Linf", self.radius, self.countermeasure)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationData:
    """The images to compare.

    Attributes:
        clean: Pixels as uploaded, uint8 (n, c, s, s).
        delivered: Pixels as delivered, of the same shape.
        labels: Class of each image, int (n,).
        test_mask: Which images are tested on, bool (n,); the others are trained on.
        classes: Number of classes.
        note: Why nothing can be measured; None if something can.
    """

    clean: NDArray[np.uint8]
    delivered: NDArray[np.uint8]
    labels: NDArray[np.int64]
    test_mask: NDArray[np.bool_]
    classes: int
    note: str | None


def evidence_cases(amount: str, radius_a: int) -> list[EvidenceCase]:
    """The rows that an amount of evidence consists of.

    Args:
        amount: "none", "quick" (standard and adversarial training) or "full" (half of the radius and
            CHEAP_COUNTERMEASURES as well).
        radius_a: Radius of the adversarial training, of 255.
    """
    radii = {"none": [], "quick": [0, radius_a], "full": [0, radius_a // 2, radius_a]}[amount]
    cases = [EvidenceCase(radius=radius) for radius in dict.fromkeys(radii)]
    if amount == "full":
        cases += [EvidenceCase(radius=0, countermeasure=name) for name in CHEAP_COUNTERMEASURES]
    return cases


def unmeasurable(amount: str, labels: NDArray[np.int64], test_mask: NDArray[np.bool_], classes: int) -> str | None:
    """Why there can be no evidence, or None; `amount` is that of the spec, the rest as for `too_few_images`."""
    return "none was requested" if amount == "none" else too_few_images(labels, test_mask, classes)


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
    began = time.monotonic()
    measurement = _Measurement(data, spec, preset, run)
    rows, tested = tuple(measurement.rows()), measurement.test.labels
    return replace(
        no_evidence(data, preset, note=None),
        test_images=len(tested),
        chance=_chance(tested),
        rows=rows,
        seconds=time.monotonic() - began,
        plan=None if measurement.budget is None else measurement.budget.plan(),
    )


def no_evidence(data: EvaluationData, preset: Preset, *, note: str | None) -> Evidence:
    """Evidence without rows.

    Args:
        data: The images that would be compared.
        preset: The architecture of the learners.
        note: Why there is no row.
    """
    tested = data.labels[data.test_mask]
    return Evidence(
        learner=ARCHITECTURE_LABELS[preset.architecture],
        image_size=data.clean.shape[-1],
        train_images=int((~data.test_mask).sum()),
        test_images=len(tested),
        chance=_chance(tested),
        rows=(),
        note=note,
    )


def _chance(labels: NDArray[np.int64]) -> float:
    """The accuracy of always naming the most frequent class."""
    return float(np.bincount(labels, minlength=1).max() / max(1, len(labels)))


class _Measurement:
    """The learners of all rows.

    Attributes:
        test: The clean test images.
        budget: Divides the time among the rows; None where there is no limit, or so little to do that it cannot matter.
    """

    def __init__(self, data: EvaluationData, spec: ProtectSpec, preset: Preset, run: RunContext) -> None:
        self._data, self._spec, self._preset, self._run = data, spec, preset, run
        self._clean = LabelledArrays(pixels=data.clean, labels=data.labels, classes=data.classes)
        self._train = np.flatnonzero(~data.test_mask)
        self._schedule = preset.schedules[spec.evidence]
        self._updates = self._schedule.length.updates(len(self._train))
        self._cases = evidence_cases(spec.evidence, spec.adversarial_radius)
        self.test = self._clean.select(data.test_mask)
        self.budget = self._open_budget()
        if self.budget is not None and self.budget.test_images < len(self.test):
            chosen = stratified_subset(self.test.labels, self.budget.test_images, seed=spec.seed)
            self.test = self.test.select(chosen)

    def rows(self) -> Iterator[EvidenceRow]:
        """Measure one row after the other."""
        expected = [self._expected_updates(case) for case in self._cases]
        total = sum(updates * self._passes(case) for updates, case in zip(expected, self._cases, strict=True))
        self._run.progress.start("evidence", 2 * total)
        for number, (case, updates) in enumerate(zip(self._cases, expected, strict=True)):
            share = updates * self._passes(case)
            if self.budget is None:
                yield self._row(case, updates, self._train, share)
            elif (plan := self.budget.begin(number)) is not None:
                chosen = stratified_subset(self._data.labels[self._train], plan.train_images, seed=self._spec.seed)
                yield self._row(case, plan.updates, self._train[chosen], share)
                self.budget.end(number)

    def _open_budget(self) -> TimeBudget | None:
        seconds = self._spec.evidence_seconds
        if seconds is None or self._updates <= MAX_UNPLANNED_UPDATES:
            return None
        self._run.progress.start("evidence", 0)
        works = [
            RowWork(
                name=case.name,
                updates=self._updates,
                batch=self._schedule.length.batch,
                train_images=len(self._train),
                test_images=len(self.test),
            )
            for case in self._cases
        ]
        train = self._clean.select(self._train)

        def cost_of(number: int) -> LearnerCost:
            return measure_cost(self._config(self._cases[number], self._updates), train, self.test, self._run)

        return TimeBudget(seconds, works, cost_of, self._run.checkpoints)

    def _expected_updates(self, case: EvidenceCase) -> int:
        return self._updates if self.budget is None else self.budget.expected_updates(case.name)

    def _passes(self, case: EvidenceCase) -> int:
        """Forward and backward passes of one update, which make the progress even over rows of unequal cost."""
        return 1 + (self._schedule.attack_steps if case.radius else 0)

    def _config(self, case: EvidenceCase, updates: int) -> LearnerConfig:
        return LearnerConfig(
            architecture=self._preset.architecture,
            radius=case.radius,
            countermeasure=case.countermeasure,
            seed=self._spec.seed,
            updates=updates,
            schedule=self._schedule,
        )

    def _row(self, case: EvidenceCase, updates: int, train: NDArray[np.int64], share: int) -> EvidenceRow:
        """Measure a row; each of its learners advances the progress by `share`."""
        config, curves = self._config(case, updates), {}
        for arm, pixels in (("before", self._data.clean), ("after", self._data.delivered)):
            name = f"curve-{case.radius}-{case.countermeasure}-{arm}"
            known = load_curve(self._run, name)
            if known is None:
                images = replace(self._clean, pixels=pixels).select(train)
                scaled = self._run.with_progress(ScaledProgress(self._run.progress, share / updates))
                known = measure_curve(config, images, self.test, scaled, name=name)
            else:
                self._run.progress.advance(share)
            curves[arm] = known
        return _row(case, curves, len(self.test), self._spec, self._preset)


def _row(case: EvidenceCase, curves: dict[str, Curve], tested: int, spec: ProtectSpec, preset: Preset) -> EvidenceRow:
    def interval(curve: Curve) -> Interval:
        return wilson_interval(round(curve.accuracy[-1] * tested), tested)

    before, after = curves["before"], curves["after"]
    return EvidenceRow(
        training="adversarial" if case.radius else "standard",
        norm="Linf" if case.radius else None,
        radius=case.radius,
        countermeasure=case.countermeasure,
        architecture=ARCHITECTURE_LABELS[preset.architecture],
        protected_percentage=spec.percentage,
        accuracy_before=before.accuracy[-1],
        accuracy_after=after.accuracy[-1],
        peak_before=max(before.accuracy),
        peak_after=max(after.accuracy),
        ci95_before=interval(before),
        ci95_after=interval(after),
        curves=curves,
    )
