"""The report of a verification, as a value and as JSON. Imports no torch."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.results.protection import ReportDataset
from core.results.verification_row import VerificationRow


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationEvidence:
    """The rows measured so far, and the data that they were measured on.

    Attributes:
        image_size: Side in pixels of the images that the learners saw.
        train_images: Number of training images.
        test_images: Number of test images.
        chance: Accuracy of always naming the most frequent class of the test images. Where one class alone is tested,
            1 / number of classes.
        rows_requested: Number of rows when the verification is complete. "rows_asked" in JSON.
        rows: The rows so far.
    """

    image_size: int
    train_images: int
    test_images: int
    chance: float
    rows_requested: int
    rows: tuple[VerificationRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """The evidence as JSON has it, which `from_dict` reads."""
        return {
            "image_size": self.image_size,
            "train_images": self.train_images,
            "test_images": self.test_images,
            "chance": self.chance,
            "rows_asked": self.rows_requested,
            "rows": [row.to_dict() for row in self.rows],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "VerificationEvidence":
        """The evidence that `to_dict` wrote.

        Args:
            data: Its JSON.

        Raises:
            KeyError: A key is missing.
            TypeError: A key is unknown.
        """
        others = {key: value for key, value in data.items() if key not in ("rows_asked", "rows")}
        rows = tuple(map(VerificationRow.from_dict, data["rows"]))
        return cls(rows_requested=data["rows_asked"], rows=rows, **others)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """Everything that is known of one verification. It is complete when it has all the rows that were requested.

    Attributes:
        job_id: The job; None on the command line.
        created_at: RFC 3339, UTC.
        versions: Releases of what the result depends on, by name.
        device: Where it was computed.
        seconds: How long it took.
        dataset: The dataset that was protected.
        spec: What was requested: VerifySpec.to_dict().
        target: What the protected archive's manifest says; None for a dataset alone.
        evidence: The rows.
        caveats: Sentences on what the rows do not show. "limits" in JSON.
    """

    job_id: str | None
    created_at: str
    versions: Mapping[str, str]
    device: str
    seconds: float
    dataset: ReportDataset
    spec: Mapping[str, Any]
    target: Mapping[str, Any] | None
    evidence: VerificationEvidence
    caveats: tuple[str, ...]

    @property
    def protected_class(self) -> str | None:
        """The only class that was protected and tested; None if all were, as in reports of older versions."""
        name: str | None = self.spec.get("protected_class")
        return name

    def to_json(self) -> str:
        """The report as indented ASCII JSON, which `from_json` reads.

        Raises:
            ValueError: A number is infinite or NaN.
        """
        data = {"limits" if key == "caveats" else key: value for key, value in asdict(self).items()}
        return json.dumps(data | {"evidence": self.evidence.to_dict()}, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "VerificationReport":
        """The report that `to_json` wrote.

        Args:
            text: The JSON.

        Raises:
            KeyError: A key is missing.
            TypeError: A key is missing or unknown.
        """
        data = json.loads(text)
        return cls(
            dataset=ReportDataset.from_dict(data.pop("dataset")),
            evidence=VerificationEvidence.from_dict(data.pop("evidence")),
            caveats=tuple(data.pop("limits")),
            **data,
        )
