"""The rows of a verification: each learner trained once, kept, and averaged over its runs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.evaluation.learner_run import LearnerConfig, Units, learn, pack_curve, unpack_curve
from core.results.evidence import Curve, wilson_interval
from core.results.verification import Arm, VerificationRow
from core.runtime.context import RunContext
from core.specs.catalog import ARCHITECTURE_LABELS
from core.specs.configs import LearnerSchedule
from core.specs.verify import RowSpec, VerifySpec
from core.training.labelled_images import LabelledArrays

Shown = Callable[[str, int], LabelledArrays | None]
"""What the learners of a side get in the run of a seed; None where there is no such side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerSetup:
    """What every learner is tested on, how many classes there are, and how many training pictures the originals.

    `only` is the label of the one class that is protected and tested, None where all are.
    """

    test: LabelledArrays
    classes: int
    train_images: int
    only: int | None = None


class VerificationRunner:
    """Trains the learners of one verification. One that is on the shelf, or was trained for another row, is not again.

    One that was broken off goes on from what the shelf has of it. The originals are the same whatever the share of
    protected pictures is, so their learners serve all shares.
    """

    def __init__(
        self,
        examination: LearnerSetup,
        spec: VerifySpec,
        course: LearnerSchedule,
        run: RunContext,
    ) -> None:
        self._examination, self._spec, self._course = examination, spec, course
        self._run = run
        self._known: dict[str, Curve] = {}

    def row(self, asked: RowSpec, shown: Shown) -> VerificationRow:
        """One row: every run of every side there is."""
        sides: dict[str, Arm | None] = {}
        for name in ("before", "after", "rest"):
            curves = [self._curve(asked, name, seed, shown) for seed in range(self._spec.seeds)]
            sides[name] = _side([c for c in curves if c is not None], tested=len(self._examination.test.labels))
        before = sides["before"]
        assert before is not None, "there are always originals"
        return VerificationRow(
            norm=asked.training.norm if asked.training.radius else None,
            radius=asked.training.radius,
            countermeasure=asked.countermeasure,
            architecture=ARCHITECTURE_LABELS[asked.architecture],
            protected_percentage=asked.percentage,
            before=before,
            after=sides["after"],
            rest=sides["rest"],
        )

    def _curve(self, asked: RowSpec, side: str, seed: int, shown: Shown) -> Curve | None:
        name = _name(asked, side, seed, only=self._examination.only)
        if name in self._known:
            return self._known[name]
        kept, unfinished = self._run.checkpoints.load(f"{name}.json"), f"{name}.safetensors"
        if kept is not None:
            self._run.progress.tick()
            curve = unpack_curve(kept)
        else:
            data = shown(side, seed)
            if data is None:
                return None
            curve = learn(
                self._lesson(asked, seed),
                data,
                self._examination.test,
                self._run.with_progress(Units(self._run.progress, 0)),
                name=unfinished,
            )
            self._run.checkpoints.save(f"{name}.json", pack_curve(curve))
            self._run.checkpoints.delete(unfinished)
        self._known[name] = curve
        return curve

    def _lesson(self, asked: RowSpec, seed: int) -> LearnerConfig:
        """As many updates on every side, also where it has fewer pictures."""
        return LearnerConfig(
            architecture=asked.architecture,
            norm=asked.training.norm,
            radius=asked.training.radius,
            countermeasure=asked.countermeasure,
            seed=seed,
            updates=self._course.length.updates(self._examination.train_images),
            course=self._course,
        )


def _name(asked: RowSpec, side: str, seed: int, *, only: int | None) -> str:
    """Of a learner on the shelf: all that it depends on, which is also what it was tested on."""
    way = f"{asked.architecture}-{asked.training.norm}-{asked.training.radius}-{asked.countermeasure}"
    tested = "" if only is None else f"class-{only}-"
    return f"learner-{tested}{way}-{side if side == 'before' else f'{side}-{asked.percentage}'}-{seed}"


def _side(curves: list[Curve], *, tested: int) -> Arm | None:
    """The mean of the runs, point by point. `tested`: how many pictures they were tested on."""
    if not curves:
        return None
    runs = tuple(curve.accuracy[-1] for curve in curves)
    accuracy = float(np.mean(runs))
    return Arm(
        accuracy=accuracy,
        peak=float(np.mean([max(curve.accuracy) for curve in curves])),
        ci95=wilson_interval(round(accuracy * tested), tested),
        runs=runs,
        curve=Curve(
            epoch=curves[0].epoch,
            accuracy=tuple(np.mean([curve.accuracy for curve in curves], axis=0).tolist()),
            loss=tuple(np.mean([curve.loss for curve in curves], axis=0).tolist()),
        ),
    )
