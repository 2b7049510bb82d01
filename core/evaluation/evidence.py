"""Before and after: the same learner trained on the clean and on the delivered images, tested on clean ones."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.evaluation.learner_run import LearnerConfig, Units, learn, pack_curve, unpack_curve
from core.results.evidence import Curve, Evidence, EvidenceRow, wilson_interval
from core.runtime.context import RunContext
from core.specs.catalog import ARCHITECTURE_LABELS
from core.specs.configs import LearnerSchedule, Preset
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays

Pixels = NDArray[np.uint8]
LEAST_TEST_IMAGES = 50
LEAST_TRAIN_IMAGES_A_CLASS = 5
EASY = ("jpeg-75", "greyscale")  # countermeasures that cost nothing, the second of which often works


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceCase:
    """One row to be measured."""

    radius: int  # of the adversarial training, of 255; 0 is standard training
    countermeasure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationData:
    """What is compared: clean and delivered pixels uint8 (n, c, s, s), labels (n,), bool (n,) of the held out."""

    clean: Pixels
    delivered: Pixels
    labels: NDArray[np.int64]
    test_mask: NDArray[np.bool_]
    classes: int
    note: str | None  # why nothing can be measured


def questions(amount: str, radius_a: int) -> list[EvidenceCase]:
    """What an amount of evidence asks: standard training, then adversarial; `full` adds half of radius_a and EASY."""
    asked = {"none": [], "quick": [0, radius_a], "full": [0, radius_a // 2, radius_a]}[amount]
    rows = [EvidenceCase(radius=radius) for radius in dict.fromkeys(asked)]
    return [*rows, *(EvidenceCase(radius=0, countermeasure=name) for name in EASY)] if amount == "full" else rows


def unmeasurable(amount: str, labels: NDArray[np.int64], test_mask: NDArray[np.bool_], classes: int) -> str | None:
    """Why there can be no evidence of this amount, or None."""
    return "none was asked for" if amount == "none" else too_few(labels, test_mask, classes)


def too_few(labels: NDArray[np.int64], test_mask: NDArray[np.bool_], classes: int) -> str | None:
    """Why these images are too few to say anything, or None."""
    tested, trained = int(test_mask.sum()), int((~test_mask).sum())
    if tested < LEAST_TEST_IMAGES:
        return f"too few pictures: {tested} could be held out for testing, and at least {LEAST_TEST_IMAGES} are needed"
    if trained < LEAST_TRAIN_IMAGES_A_CLASS * classes:
        return (
            f"too few pictures: {trained} to learn {classes} classes from, and at least {LEAST_TRAIN_IMAGES_A_CLASS} "
            "a class are needed"
        )
    if len(np.unique(labels[test_mask])) < 2:
        return "the held-out pictures are all of one class"
    return None


def measure_evidence(
    exhibit: EvaluationData,
    spec: ProtectSpec,
    preset: Preset,
    run: RunContext,
) -> Evidence:
    """Every row that the spec asks for, kept on the shelf as it comes; a note where numbers would mean nothing."""
    test_mask, labels = exhibit.test_mask, exhibit.labels
    counts = np.bincount(labels[test_mask], minlength=exhibit.classes)
    began = time.monotonic()
    rows: tuple[EvidenceRow, ...] = ()
    if exhibit.note is None:
        asked, course = questions(spec.evidence, spec.adversarial_radius), preset.schedules[spec.evidence]
        updates = course.length.updates(int((~test_mask).sum()))
        run.progress.start("evidence", 2 * updates * sum(_cost(question, course) for question in asked))
        rows = tuple(_rows(asked, exhibit, spec, preset, course, run))
    return Evidence(
        learner=ARCHITECTURE_LABELS[preset.architecture],
        image_size=exhibit.clean.shape[-1],
        train_images=int((~test_mask).sum()),
        test_images=int(test_mask.sum()),
        chance=float(counts.max() / max(1, counts.sum())),
        rows=rows,
        note=exhibit.note,
        seconds=time.monotonic() - began,
    )


def _cost(question: EvidenceCase, course: LearnerSchedule) -> int:
    """Passes an update takes, so that progress runs evenly over rows of unequal cost."""
    return 1 + (course.attack_steps if question.radius else 0)


def _rows(
    asked: list[EvidenceCase],
    exhibit: EvaluationData,
    spec: ProtectSpec,
    preset: Preset,
    course: LearnerSchedule,
    run: RunContext,
) -> Iterator[EvidenceRow]:
    kept = ~exhibit.test_mask
    updates = course.length.updates(int(kept.sum()))
    clean = LabelledArrays(pixels=exhibit.clean, labels=exhibit.labels, classes=exhibit.classes)
    test = clean.select(exhibit.test_mask)
    for question in asked:
        units = _cost(question, course)
        lesson = LearnerConfig(
            architecture=preset.architecture,
            radius=question.radius,
            countermeasure=question.countermeasure,
            seed=spec.seed,
            updates=updates,
            course=course,
        )

        def taught(side: str, pixels: Pixels, lesson: LearnerConfig = lesson, units: int = units) -> Curve:
            name = f"curve-{lesson.radius}-{lesson.countermeasure}-{side}"
            known, unfinished = run.checkpoints.load(f"{name}.json"), f"{name}.safetensors"
            if known is not None:
                run.progress.advance(units * updates)
                return unpack_curve(known)
            data = replace(clean, pixels=pixels).select(kept)
            curve = learn(lesson, data, test, run.with_progress(Units(run.progress, units)), name=unfinished)
            run.checkpoints.save(f"{name}.json", pack_curve(curve))
            run.checkpoints.delete(unfinished)
            return curve

        before = taught("before", exhibit.clean)
        after = taught("after", exhibit.delivered)
        yield _row(question, before, after, int(exhibit.test_mask.sum()), spec, preset)


def _row(
    question: EvidenceCase, before: Curve, after: Curve, tested: int, spec: ProtectSpec, preset: Preset
) -> EvidenceRow:
    def interval(curve: Curve) -> tuple[float, float]:
        return wilson_interval(round(curve.accuracy[-1] * tested), tested)

    return EvidenceRow(
        training="adversarial" if question.radius else "standard",
        norm="Linf" if question.radius else None,
        radius=question.radius,
        countermeasure=question.countermeasure,
        architecture=ARCHITECTURE_LABELS[preset.architecture],
        protected_percentage=spec.percentage,
        accuracy_before=before.accuracy[-1],
        accuracy_after=after.accuracy[-1],
        peak_before=max(before.accuracy),
        peak_after=max(after.accuracy),
        ci95_before=interval(before),
        ci95_after=interval(after),
        curves={"before": before, "after": after},
    )
