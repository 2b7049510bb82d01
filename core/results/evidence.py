"""Accuracies before and after a protection, with their confidence intervals. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import stdev
from typing import Any

from core.results.difference import Interval, PairedDifference
from core.results.evidence_plan import EvidencePlan
from core.results.joined_classes import JoinedClasses
from core.results.training_names import learner_name
from core.specs.catalog import PRETRAINED_LABELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The learning curve of one training run, one entry for each test during training.

    Attributes:
        epoch: Numbers of the epochs.
        accuracy: On the clean test images, as fractions 0 to 1.
        loss: Mean training loss.
        correct: One character for each test image, "1" where the last point recognizes it, else "0". Empty in reports
            of older versions, and where the curve is a mean of several.
        correct_at_peak: The same for the first of the points with the best accuracy.
    """

    epoch: tuple[int, ...]
    accuracy: tuple[float, ...]
    loss: tuple[float, ...]
    correct: str = ""
    correct_at_peak: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Curve":
        """A curve from its JSON.

        Args:
            data: The three lists and the answers by name.

        Raises:
            TypeError: For other keys.
        """
        fields: dict[str, Any] = {key: one if isinstance(one, str) else tuple(one) for key, one in data.items()}
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One learner, trained on the originals (before) and on the protected images (after), tested on clean images.

    Attributes:
        training: "standard" or "adversarial".
        norm: "Linf", "L2" or "L1" of the adversarial training; None for standard training.
        radius: Of the adversarial training, in pixel units of 255 in every norm; 0 for standard training.
        countermeasure: What is done to the images first, such as "jpeg-75"; None for nothing.
        architecture: The network's label.
        protected_percentage: Share of the training images that are protected.
        accuracy_before: Accuracy at the end of training on the originals, as a fraction.
        accuracy_after: The same for the protected images.
        peak_before: The best accuracy of any point of the curve.
        peak_after: The same for the protected images.
        ci95_before: 95 % interval of accuracy_before.
        ci95_after: 95 % interval of accuracy_after.
        curves: The learning curves, by "before" and "after".
        learner: Name of the learner in specs, such as "pretrained-finetune"; empty in reports of older versions.
        image_size: Side in pixels of the images that the learner saw; None where all learners of the report saw them
            at its `image_size`.
        difference: Of the two accuracies, image by image; None in reports of older versions.
        peak_difference: The same with the best point of the curve after protection, against the end of the one before.
        runs: Accuracy of each training run, by "before" and "after"; the other figures are means over them. Empty in
            reports of older versions, which had one run.
    """

    training: str
    norm: str | None
    radius: int
    countermeasure: str | None
    architecture: str
    protected_percentage: int
    accuracy_before: float
    accuracy_after: float
    peak_before: float
    peak_after: float
    ci95_before: Interval
    ci95_after: Interval
    curves: dict[str, Curve]
    learner: str = ""
    image_size: int | None = None
    difference: PairedDifference | None = None
    peak_difference: PairedDifference | None = None
    runs: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def run_count(self) -> int:
        """How often each of the two learners was trained."""
        return len(self.runs.get("after", ())) or 1

    @property
    def spread_of_change(self) -> float | None:
        """The standard deviation over the seeds of the change of accuracy, as a fraction; None with a single run."""
        if self.run_count < 2:
            return None
        return stdev(after - before for before, after in zip(self.runs["before"], self.runs["after"], strict=True))

    @property
    def is_significantly_lower(self) -> bool:
        """Whether the interval of the difference lies wholly below 0; nothing else counts as protection. Without a
        difference: whether the interval after lies wholly below the one before."""
        if self.difference is None:
            return self.ci95_after[1] < self.ci95_before[0]
        return self.difference.is_lower

    @property
    def is_significantly_higher(self) -> bool:
        """Whether the interval of the difference, or without one the interval after, lies wholly above."""
        if self.difference is None:
            return self.ci95_after[0] > self.ci95_before[1]
        return self.difference.is_higher

    @property
    def is_lower_at_peak(self) -> bool:
        """Whether even the best point of the curve after protection is significantly lower than the end before."""
        if self.peak_difference is None:
            return self.peak_after < self.ci95_before[0]
        return self.peak_difference.is_lower

    @property
    def name(self) -> str:
        """The training, such as "adversarial training, Linf radius 4/255, after jpeg-75"; of photographs the learner
        too."""
        return learner_name(self.architecture, self.image_size, self.norm, self.radius, self.countermeasure)

    @property
    def is_pretrained(self) -> bool:
        """Whether the learner starts from pretrained weights."""
        return self.learner in PRETRAINED_LABELS

    def share_left(self, chance: float) -> float | None:
        """How much of what the originals teach above chance a model still learns; None if they teach nothing.

        Args:
            chance: The accuracy of a model that has learned nothing.
        """
        if self.ci95_before[0] <= chance:
            return None
        return (self.accuracy_after - chance) / (self.accuracy_before - chance)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "EvidenceRow":
        """A row from its JSON.

        Args:
            data: The row's fields by name.

        Raises:
            KeyError: A key is missing.
            TypeError: For other keys.
        """
        intervals = {key: (data[key][0], data[key][1]) for key in ("ci95_before", "ci95_after")}
        curves = {name: Curve.from_dict(curve) for name, curve in data["curves"].items()}
        paired = {key: PairedDifference.from_dict(data.get(key)) for key in ("difference", "peak_difference")}
        runs = {name: tuple(accuracies) for name, accuracies in data.get("runs", {}).items()}
        return cls(**{**data, **intervals, **paired, "curves": curves, "runs": runs})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured of one protection.

    Attributes:
        learner: Label of the learners' network.
        image_size: Side in pixels of the images that the learners saw.
        train_images: Number of training images.
        test_images: Number of test images.
        chance: Accuracy of always naming the most frequent class of the test images.
        rows: One for each training. Without any, `note` says why.
        note: Why there is no row.
        seconds: How long the measurement took.
        plan: What followed from the time that it may take; None without a limit, or where there was little to do.
        joined: The other classes that an album joined. The test images are then all of the album, and `chance` is that
            of naming all classes equally often. None for a dataset of several classes.
    """

    learner: str
    image_size: int
    train_images: int
    test_images: int
    chance: float
    rows: tuple[EvidenceRow, ...]
    note: str | None = None
    seconds: float = 0.0
    plan: EvidencePlan | None = None
    joined: JoinedClasses | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Evidence":
        """Evidence from its JSON.

        Args:
            data: The fields by name.

        Raises:
            KeyError: A key is missing.
            TypeError: For other keys.
        """
        rows, plan, joined = tuple(map(EvidenceRow.from_dict, data["rows"])), data.get("plan"), data.get("joined")
        parsed = {"plan": plan and EvidencePlan.from_dict(plan), "joined": joined and JoinedClasses(**joined)}
        return cls(**{**data, **parsed, "rows": rows})
