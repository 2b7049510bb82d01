"""The rows of a verification: each learner is trained once, and a row is the mean of its runs."""

from collections.abc import Iterator, Sequence

from core.evaluation.learner import ImageChoice, Learner
from core.evaluation.learner_pool import LearnerPool
from core.evaluation.learner_run import LearnerConfig
from core.evaluation.mean_arm import mean_arm
from core.evaluation.paired_difference import paired_difference
from core.evaluation.verification_data import VerificationData
from core.evaluation.verification_learner_data import VerificationLearnerData
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
        self._data, self._spec, self._preset, self._amount = data, spec, preset, amount
        self._pool = LearnerPool(VerificationLearnerData(data), run)

    def run_rows(self, rows: Sequence[RowSpec]) -> Iterator[VerificationRow]:
        """Measure rows in their order; helpers may train learners of all of them meanwhile.

        Args:
            rows: What to measure.
        """
        self._pool.add(learner for row in rows for learners in self._learners(row).values() for learner in learners)
        for row in rows:
            yield self.run_row(row)
        self._pool.close()

    def run_row(self, row: RowSpec) -> VerificationRow:
        """Measure one row: every run of every arm that it has."""
        arms: dict[str, Arm | None] = {}
        answers: dict[str, tuple[list[str], list[str]]] = {}
        for name, learners in self._learners(row).items():
            curves = [self._pool.curve(learner) for learner in learners]
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

    def _learners(self, row: RowSpec) -> dict[str, list[Learner]]:
        """The learners of a row by arm, one for each run; an arm that the row does not have has none."""
        return {
            arm: [
                Learner(
                    name=_curve_name(row, arm, seed, protected_label=self._data.protected_label),
                    config=self._config(row, seed),
                    choice=ImageChoice(arm=arm, percentage=row.percentage, seed=seed),
                )
                for seed in range(self._spec.seeds)
                if self._data.has_training_set(arm, row.percentage, seed=seed)
            ]
            for arm in ARMS
        }

    def _config(self, row: RowSpec, seed: int) -> LearnerConfig:
        photographs = self._data.photographs
        schedule = learner_schedule(row.architecture, self._preset, self._amount, photographs=photographs)
        return LearnerConfig(
            architecture=row.architecture,
            norm=row.training.norm,
            radius=row.training.radius,
            countermeasure=row.countermeasure,
            seed=seed,
            updates=schedule.length.updates(len(self._data.clean)),  # the same for arms with fewer images
            schedule=schedule,
            photographs=photographs,
        )


def _curve_name(row: RowSpec, arm: str, seed: int, *, protected_label: int | None) -> str:
    """The name of a curve in the checkpoints: all that the learner and its test depend on."""
    learner = f"{row.architecture}-{row.training.norm}-{row.training.radius}-{row.countermeasure}"
    tested = "" if protected_label is None else f"class-{protected_label}-"
    return f"learner-{tested}{learner}-{arm if arm == 'before' else f'{arm}-{row.percentage}'}-{seed}"
