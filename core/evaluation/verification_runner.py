"""The rows of a verification: each learner is trained once, and a row is the mean of its runs."""

from core.evaluation.learner_run import LearnerConfig, ScaledProgress, load_curve, measure_curve
from core.evaluation.mean_arm import mean_arm
from core.evaluation.paired_difference import paired_difference
from core.evaluation.verification_data import VerificationData
from core.results.evidence import Curve
from core.results.verification_row import ARMS, Arm, VerificationRow
from core.runtime.context import RunContext
from core.specs.catalog import LEARNER_LABELS
from core.specs.configs import Preset
from core.specs.photographs import learner_schedule
from core.specs.verify import RowSpec, VerifySpec


class VerificationRunner:
    """Trains the learners of one verification.

    A learner whose curve is known, from the checkpoints or from another row, is not trained again. The originals are
    the same at every percentage, so their learners serve the rows of all percentages.

    Args:
        data: Training sets and test images.
        spec: The number of runs, and the protected class.
        preset: Has the schedules of the learners that start from random weights.
        amount: The amount of evidence whose schedules they have, "quick" or "full".
        run: Its checkpoints keep every curve and the unfinished learner.
    """

    def __init__(
        self, data: VerificationData, spec: VerifySpec, preset: Preset, run: RunContext, *, amount: str
    ) -> None:
        self._data, self._spec, self._preset, self._run, self._amount = data, spec, preset, run, amount
        self._curves: dict[str, Curve] = {}

    def run_row(self, row: RowSpec) -> VerificationRow:
        """Measure one row: every run of every arm that it has."""
        arms: dict[str, Arm | None] = {}
        answers: dict[str, tuple[list[str], list[str]]] = {}
        for name in ARMS:
            curves = [c for seed in range(self._spec.seeds) if (c := self._curve(row, name, seed)) is not None]
            arms[name] = mean_arm(curves, tested=len(self._data.test)) if curves else None
            answers[name] = [c.correct for c in curves], [c.correct_at_peak for c in curves]
        before = arms["before"]
        assert before is not None, "there are always originals"
        return VerificationRow(
            norm=row.training.norm if row.training.radius else None,
            radius=row.training.radius,
            countermeasure=row.countermeasure,
            architecture=LEARNER_LABELS[row.architecture],
            protected_percentage=min(row.percentage, self._data.percentage),
            before=before,
            after=arms["after"],
            rest=arms["rest"],
            protected_class=self._spec.protected_class,
            learner=row.architecture,
            difference=paired_difference(answers["before"][0], answers["after"][0]),
            peak_difference=paired_difference(answers["before"][0], answers["after"][1]),
        )

    def _curve(self, row: RowSpec, arm: str, seed: int) -> Curve | None:
        """The curve of one run; None where the row has no such arm."""
        name = _curve_name(row, arm, seed, protected_label=self._data.protected_label)
        if name in self._curves:
            return self._curves[name]
        curve = load_curve(self._run, name)
        if curve is None:
            images = self._data.training_set(arm, row.percentage, seed=seed)
            if images is None:
                return None
            run = self._run.with_progress(ScaledProgress(self._run.progress, 0))
            curve = measure_curve(
                self._config(row, seed), images, self._data.test, run, name=name, keep=arm == "before"
            )
        else:
            self._run.progress.tick()
        self._curves[name] = curve
        return curve

    def _config(self, row: RowSpec, seed: int) -> LearnerConfig:
        schedule = learner_schedule(row.architecture, self._preset, self._amount)
        return LearnerConfig(
            architecture=row.architecture,
            norm=row.training.norm,
            radius=row.training.radius,
            countermeasure=row.countermeasure,
            seed=seed,
            updates=schedule.length.updates(len(self._data.clean)),  # the same for arms with fewer images
            schedule=schedule,
            photographs=self._data.photographs,
        )


def _curve_name(row: RowSpec, arm: str, seed: int, *, protected_label: int | None) -> str:
    """The name of a curve in the checkpoints: all that the learner and its test depend on."""
    learner = f"{row.architecture}-{row.training.norm}-{row.training.radius}-{row.countermeasure}"
    tested = "" if protected_label is None else f"class-{protected_label}-"
    return f"learner-{tested}{learner}-{arm if arm == 'before' else f'{arm}-{row.percentage}'}-{seed}"
