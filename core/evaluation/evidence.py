"""Evidence: the same learner is trained on clean and on delivered images, and tested on clean ones."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.evaluation.learner_run import LearnerConfig, ScaledProgress, load_curve, measure_curve
from core.evaluation.sample_size import too_few_images
from core.results.evidence import Curve, Evidence, EvidenceRow, Interval, wilson_interval
from core.runtime.context import RunContext
from core.specs.catalog import ARCHITECTURE_LABELS
from core.specs.configs import LearnerSchedule, Preset
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
    """Measure every row that the spec requests.

    Args:
        data: The images to compare.
        spec: The amount of evidence, the radius of the adversarial training, and the seed.
        preset: The architecture and the schedule of the learners.
        run: Its checkpoints keep finished rows and the unfinished learner.

    Returns:
        The rows, or the note of `data` without rows.
    """
    train_images, counts = (
        int((~data.test_mask).sum()),
        np.bincount(data.labels[data.test_mask], minlength=data.classes),
    )
    began = time.monotonic()
    rows: tuple[EvidenceRow, ...] = ()
    if data.note is None:
        cases, schedule = evidence_cases(spec.evidence, spec.adversarial_radius), preset.schedules[spec.evidence]
        updates = schedule.length.updates(train_images)
        run.progress.start("evidence", 2 * updates * sum(_passes(case, schedule) for case in cases))
        rows = tuple(_rows(cases, data, spec, preset, run))
    return Evidence(
        learner=ARCHITECTURE_LABELS[preset.architecture],
        image_size=data.clean.shape[-1],
        train_images=train_images,
        test_images=int(data.test_mask.sum()),
        chance=float(counts.max() / max(1, counts.sum())),
        rows=rows,
        note=data.note,
        seconds=time.monotonic() - began,
    )


def _passes(case: EvidenceCase, schedule: LearnerSchedule) -> int:
    """Forward and backward passes of one update, which make the progress even over rows of unequal cost."""
    return 1 + (schedule.attack_steps if case.radius else 0)


def _rows(
    cases: list[EvidenceCase], data: EvaluationData, spec: ProtectSpec, preset: Preset, run: RunContext
) -> Iterator[EvidenceRow]:
    schedule = preset.schedules[spec.evidence]
    clean = LabelledArrays(pixels=data.clean, labels=data.labels, classes=data.classes)
    test, train_mask = clean.select(data.test_mask), ~data.test_mask
    for case in cases:
        config = LearnerConfig(
            architecture=preset.architecture,
            radius=case.radius,
            countermeasure=case.countermeasure,
            seed=spec.seed,
            updates=schedule.length.updates(int(train_mask.sum())),
            schedule=schedule,
        )
        curves = {}
        for arm, pixels in (("before", data.clean), ("after", data.delivered)):
            name, passes = f"curve-{case.radius}-{case.countermeasure}-{arm}", _passes(case, schedule)
            known = load_curve(run, name)
            if known is None:
                images = replace(clean, pixels=pixels).select(train_mask)
                scaled = run.with_progress(ScaledProgress(run.progress, passes))
                known = measure_curve(config, images, test, scaled, name=name)
            else:
                run.progress.advance(passes * config.updates)
            curves[arm] = known
        yield _row(case, curves, len(test), spec, preset)


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
