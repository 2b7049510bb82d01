"""The report of a verification: its rows, and what they were measured on, as values and as JSON. No torch here.

The keys of a row are those of a protection's report, and beside them the clean rest's and each run's. A number is None
where its arm was not measured: a dataset alone has no `after`, a row without a clean share no `rest`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.results.evidence import Curve, EvidenceRow, Interval, training_name
from core.results.protection import JSON_KEYS, ReportDataset, curve_from, dataset_from

ARMS = ("before", "after", "rest")  # trained on the originals, on what is delivered, on what of it is clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What learners reached that were trained on one kind of pictures: means over the runs, as fractions 0 to 1."""

    accuracy: float
    peak: float
    ci95: Interval  # how much depends on which pictures were tested, not on the run
    runs: tuple[float, ...]  # each run's accuracy
    curve: Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRow:
    """One way of learning, and what it reached on each arm. `before` is the dataset as uploaded."""

    norm: str | None  # None for standard training
    radius: int  # of the adversarial training, of 255; 0 is standard training
    countermeasure: str | None
    architecture: str
    protected_percentage: int
    before: Arm
    after: Arm | None
    rest: Arm | None
    protected_class: str | None = None  # the only one that is protected, and tested; None where all are

    @property
    def training(self) -> str:
        """As in every report: "standard" or "adversarial"."""
        return "adversarial" if self.radius else "standard"

    @property
    def arms(self) -> dict[str, Arm]:
        """Those that were measured."""
        found = {"before": self.before, "after": self.after, "rest": self.rest}
        return {name: arm for name, arm in found.items() if arm is not None}

    @property
    def name(self) -> str:
        """The row in words."""
        words = f"{self.architecture}, {training_name(self.norm, self.radius, self.countermeasure)}"
        return words if self.protected_percentage == 100 else f"{words}, {self.protected_percentage} % protected"

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
        )

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON has it."""
        keys = ("norm", "radius", "countermeasure", "architecture", "protected_percentage", "protected_class")
        row: dict[str, Any] = {"training": self.training} | {key: getattr(self, key) for key in keys}
        for figure in ("accuracy", "peak", "ci95"):
            for name in ARMS:
                arm = self.arms.get(name)
                row[f"{figure}_{name}"] = None if arm is None else getattr(arm, figure)
        row["runs"] = {name: arm.runs for name, arm in self.arms.items()}
        return row | {"curves": {name: asdict(arm.curve) for name, arm in self.arms.items()}}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "VerifyRow":
        """The row that `to_dict` wrote. Raises KeyError or TypeError for anything else."""

        def arm(name: str) -> Arm | None:
            if row[f"accuracy_{name}"] is None:
                return None
            low, high = row[f"ci95_{name}"]
            return Arm(
                accuracy=row[f"accuracy_{name}"],
                peak=row[f"peak_{name}"],
                ci95=(low, high),
                runs=tuple(row["runs"][name]),
                curve=curve_from(row["curves"][name]),
            )

        before = arm("before")
        if before is None:
            raise KeyError("accuracy_before")
        keys = ("norm", "radius", "countermeasure", "architecture", "protected_percentage")
        own = {key: row[key] for key in keys} | {"protected_class": row.get("protected_class")}
        return cls(before=before, after=arm("after"), rest=arm("rest"), **own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the rows were measured on, and the rows so far."""

    image_size: int  # side in pixels of what the learners saw
    train_images: int
    test_images: int
    chance: float  # accuracy of naming the commonest class of the test images; of one class, 1 / number of classes
    rows_asked: int
    rows: tuple[VerifyRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """One verification, whole once there are as many rows as were asked for."""

    job_id: str | None
    created_at: str  # RFC 3339, UTC
    versions: Mapping[str, str]
    device: str
    seconds: float
    dataset: ReportDataset
    spec: Mapping[str, Any]  # as asked: VerifySpec.to_dict()
    target: Mapping[str, Any] | None  # what the protected archive says of itself; None for a dataset alone
    evidence: Measured
    caveats: tuple[str, ...]

    @property
    def protected_class(self) -> str | None:
        """The one class that was protected, and tested alone; None where all were, as in reports of older versions."""
        name: str | None = self.spec.get("protected_class")
        return name

    def to_json(self) -> str:
        """The report as indented ASCII JSON; `from_json` reads it back. Raises ValueError on infinities and NaN."""
        whole = {JSON_KEYS.get(name, name): value for name, value in asdict(self).items()}
        whole["evidence"]["rows"] = [row.to_dict() for row in self.evidence.rows]
        return json.dumps(whole, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "VerifyReport":
        """The report that `to_json` wrote. Raises KeyError or TypeError where keys are missing or unknown."""
        data = json.loads(text)
        data["dataset"] = dataset_from(data["dataset"])
        rows = tuple(VerifyRow.from_dict(row) for row in data["evidence"]["rows"])
        data["evidence"] = Measured(**(data["evidence"] | {"rows": rows}))
        data["caveats"] = tuple(data.pop("limits"))
        return cls(**data)
