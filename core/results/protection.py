"""The report of one protection, as values and as JSON; the page with pictures is `core.reports.html`.

The JSON has the keys below and no others; consumers may rely on them. No torch here.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.limits import SkippedFile
from core.results.evidence import Curve, Evidence, EvidenceRow

JSON_KEYS = {"imperceptibility": "invisibility", "caveats": "limits"}
"""The JSON keys of fields that have another name here; the JSON is public and keeps its keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imperceptibility:
    """How far the delivered pictures are from the upload; means over the pictures that changed, so that none flatter.

    `linf_*` and `mae` are in pixel units of 255. `psnr_db` and `ssim` are None where no picture changed.
    """

    linf_max: float  # the largest change of any colour value of any picture
    linf_mean: float  # mean over pictures of each one's largest change
    mae: float  # mean absolute change of a colour value
    psnr_db: float | None  # mean over pictures, from the full-size mean squared error
    ssim: float | None  # mean over pictures, at the size the noise was made at


@dataclass(frozen=True, slots=True)
class ClassCount:
    """A class and how many of its pictures were read."""

    name: str
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDataset:
    """What was uploaded, as far as the report needs it."""

    name: str
    images: int
    classes: tuple[ClassCount, ...]
    skipped: tuple[SkippedFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that is known of one protection: what was asked, how it was made, what it does and does not do."""

    job_id: str | None
    created_at: str  # RFC 3339, UTC
    seed: int
    versions: Mapping[str, str]
    device: str
    seconds: float
    stages: Mapping[str, float]  # seconds by stage
    dataset: ReportDataset
    spec: Mapping[str, Any]  # as asked: ProtectSpec.to_dict()
    generator: Mapping[str, Any]  # what ran: method, radii as used, work size, surrogate, steps
    imperceptibility: Imperceptibility
    evidence: Evidence
    caveats: tuple[str, ...]

    def to_json(self) -> str:
        """The report as indented ASCII JSON; `from_json` reads it back. Raises ValueError on infinities and NaN."""
        data = {JSON_KEYS.get(name, name): value for name, value in asdict(self).items()}
        return json.dumps(data, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Report":
        """The report that `to_json` wrote. Raises KeyError or TypeError where keys are missing or unknown."""
        data = json.loads(text)
        data["dataset"] = dataset_from(data["dataset"])
        data["imperceptibility"] = Imperceptibility(**data.pop("invisibility"))
        data["evidence"]["rows"] = tuple(_row(row) for row in data["evidence"]["rows"])
        data["evidence"] = Evidence(**data["evidence"])
        data["caveats"] = tuple(data.pop("limits"))
        return cls(**data)


def dataset_from(data: Mapping[str, Any]) -> ReportDataset:
    """The dataset of a report from its JSON. Raises KeyError or TypeError for other keys."""
    classes = tuple(ClassCount(**c) for c in data["classes"])
    return ReportDataset(**{**data, "classes": classes, "skipped": tuple(SkippedFile(**s) for s in data["skipped"])})


def curve_from(data: Mapping[str, Any]) -> Curve:
    """A curve from its JSON. Raises TypeError for other keys."""
    return Curve(**{key: tuple(values) for key, values in data.items()})


def _row(row: dict[str, Any]) -> EvidenceRow:
    low_high = {key: (row[key][0], row[key][1]) for key in ("ci95_before", "ci95_after")}
    curves = {name: curve_from(curve) for name, curve in row["curves"].items()}
    return EvidenceRow(**(row | low_high | {"curves": curves}))
