"""The rows of a verification: what one kind of learner reached in each arm. Imports no torch.

A row has the keys of a row in a protection's report, and further those of the clean rest and of each run. A number is
None where its arm was not measured: a dataset alone has no `after`, and without a clean share there is no `rest`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.results.difference import Interval, PairedDifference
from core.results.evidence import Curve, EvidenceRow
from core.results.training_names import training_name

ARMS = ("before", "after", "rest")
"""The training sets that are compared: the originals, what is delivered, and the part of it that is clean."""

_OF_ROW = ("norm", "radius", "countermeasure", "architecture", "protected_percentage")
_DIFFERENCES = ("difference", "peak_difference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What the learners of one arm reached, as means over the runs and fractions 0 to 1.

    Attributes:
        accuracy: On the clean test images, at the end of training.
        peak: The best accuracy of any point of the curve.
        ci95: 95 % interval of the accuracy over the choice of the test images, not over the runs.
        runs: Accuracy of each run.
        curve: The mean learning curve.
    """

    accuracy: float
    peak: float
    ci95: Interval
    runs: tuple[float, ...]
    curve: Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationRow:
    """One kind of learner, and what it reached in each arm.

    Attributes:
        norm: Of the adversarial training; None for standard training.
        radius: Of the adversarial training, of 255; 0 for standard training.
        countermeasure: Its name; None for none.
        architecture: The network's label.
        protected_percentage: Share of the training images that are protected.
        before: Trained on the dataset as uploaded.
        after: Trained on the protected images; None for a dataset alone.
        rest: Trained on the clean share alone; None without one.
        protected_class: The only class that is protected, and tested; None where all are.
        learner: Name of the learner in specs; empty in reports of older versions.
        difference: Of the accuracies before and after, image by image; None without `after` and in older reports.
        peak_difference: The same with the best point of each run after protection.
    """

    norm: str | None
    radius: int
    countermeasure: str | None
    architecture: str
    protected_percentage: int
    before: Arm
    after: Arm | None
    rest: Arm | None
    protected_class: str | None = None
    learner: str = ""
    difference: PairedDifference | None = None
    peak_difference: PairedDifference | None = None

    @property
    def training(self) -> str:
        """ "standard" or "adversarial", as in every report."""
        return "adversarial" if self.radius else "standard"

    @property
    def arms(self) -> dict[str, Arm]:
        """The arms that were measured, by name."""
        results = {"before": self.before, "after": self.after, "rest": self.rest}
        return {name: result for name, result in results.items() if result is not None}

    @property
    def name(self) -> str:
        """The network, the training and the protected share, such as "ResNet-18, standard training"."""
        name = f"{self.architecture}, {training_name(self.norm, self.radius, self.countermeasure)}"
        return name if self.protected_percentage == 100 else f"{name}, {self.protected_percentage} % protected"

    @property
    def comparison(self) -> EvidenceRow | None:
        """Before and after as a row of a protection's report; None where there is no after."""
        if self.after is None:
            return None
        return EvidenceRow(
            training=self.training,
            norm=self.norm,
            radius=self.radius,
            countermeasure=self.countermeasure,
            architecture=self.architecture,
            protected_percentage=self.protected_percentage,
            accuracy_before=self.before.accuracy,
            accuracy_after=self.after.accuracy,
            peak_before=self.before.peak,
            peak_after=self.after.peak,
            ci95_before=self.before.ci95,
            ci95_after=self.after.ci95,
            curves={name: arm.curve for name, arm in self.arms.items()},
            learner=self.learner,
            difference=self.difference,
            peak_difference=self.peak_difference,
            runs={name: arm.runs for name, arm in self.arms.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON has it, which `from_dict` reads."""
        row: dict[str, Any] = {"training": self.training}
        row |= {key: getattr(self, key) for key in (*_OF_ROW, "protected_class", "learner")}
        for figure in ("accuracy", "peak", "ci95"):
            for name in ARMS:
                arm = self.arms.get(name)
                row[f"{figure}_{name}"] = None if arm is None else getattr(arm, figure)
        for key in _DIFFERENCES:
            difference = getattr(self, key)
            row[key] = None if difference is None else asdict(difference)
        row["runs"] = {name: arm.runs for name, arm in self.arms.items()}
        return row | {"curves": {name: asdict(arm.curve) for name, arm in self.arms.items()}}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "VerificationRow":
        """The row that `to_dict` wrote.

        Args:
            row: The row's JSON. Reports of older versions have no protected_class, learner and differences.

        Raises:
            KeyError: A key is missing.
            TypeError: A curve has other keys.
        """
        before = _arm(row, "before")
        if before is None:
            raise KeyError("accuracy_before")
        newer = {"protected_class": row.get("protected_class"), "learner": row.get("learner", "")}
        newer |= {key: PairedDifference.from_dict(row.get(key)) for key in _DIFFERENCES}
        own = {key: row[key] for key in _OF_ROW} | newer
        return cls(before=before, after=_arm(row, "after"), rest=_arm(row, "rest"), **own)


def _arm(row: Mapping[str, Any], name: str) -> Arm | None:
    if row[f"accuracy_{name}"] is None:
        return None
    low, high = row[f"ci95_{name}"]
    return Arm(
        accuracy=row[f"accuracy_{name}"],
        peak=row[f"peak_{name}"],
        ci95=(low, high),
        runs=tuple(row["runs"][name]),
        curve=Curve.from_dict(row["curves"][name]),
    )
