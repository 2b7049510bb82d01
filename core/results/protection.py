"""The report of a protection, as a value and as JSON. Imports no torch.

The keys of the JSON are a contract with its readers: those that differ from a field's name are in `JSON_KEYS`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.limits import SkippedFile
from core.results.evidence import Evidence

JSON_KEYS = {"imperceptibility": "invisibility", "caveats": "limits"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imperceptibility:
    """How far the delivered images are from the uploaded ones. Means are over the images that changed.

    Attributes:
        linf_max: Largest change of a colour value in any image, in pixel units of 255.
        linf_mean: Mean over the images of each image's largest change, in pixel units of 255.
        mae: Mean absolute change of a colour value, in pixel units of 255.
        psnr_db: Mean peak signal-to-noise ratio at the images' own size; None where no image changed.
        ssim: Mean structural similarity at the size that the noise was made at; None where no image changed.
    """

    linf_max: float
    linf_mean: float
    mae: float
    psnr_db: float | None
    ssim: float | None


@dataclass(frozen=True, slots=True)
class ClassCount:
    """A class, and the number of its images that were read."""

    name: str
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDataset:
    """The dataset of a report.

    Attributes:
        name: The dataset's name.
        images: Number of images that were read.
        classes: The classes, with the number of images of each.
        skipped: The files that were not read as images.
    """

    name: str
    images: int
    classes: tuple[ClassCount, ...]
    skipped: tuple[SkippedFile, ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ReportDataset":
        """A dataset from its JSON.

        Args:
            data: The fields by name.

        Raises:
            KeyError: A key is missing.
            TypeError: For other keys.
        """
        classes = tuple(ClassCount(**one) for one in data["classes"])
        skipped = tuple(SkippedFile(**one) for one in data["skipped"])
        return cls(**{**data, "classes": classes, "skipped": skipped})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionReport:
    """Everything that is known of one protection.

    Attributes:
        job_id: The job; None on the command line.
        created_at: RFC 3339, UTC.
        seed: The random seed.
        versions: Releases of what the result depends on, by name.
        device: Where it was computed.
        seconds: How long the whole took.
        stages: How long each stage took, in seconds.
        dataset: What was uploaded.
        spec: What was requested: ProtectSpec.to_dict().
        generator: What made the noise: method, radii, work size, surrogate, steps.
        imperceptibility: How visible the noise is. "invisibility" in JSON.
        evidence: What models learn from the images before and after.
        caveats: Sentences on what the protection does not do. "limits" in JSON.
    """

    job_id: str | None
    created_at: str
    seed: int
    versions: Mapping[str, str]
    device: str
    seconds: float
    stages: Mapping[str, float]
    dataset: ReportDataset
    spec: Mapping[str, Any]
    generator: Mapping[str, Any]
    imperceptibility: Imperceptibility
    evidence: Evidence
    caveats: tuple[str, ...]

    def to_json(self) -> str:
        """The report as indented ASCII JSON, which `from_json` reads.

        Raises:
            ValueError: A number is infinite or NaN.
        """
        data = {JSON_KEYS.get(key, key): value for key, value in asdict(self).items()}
        return json.dumps(data, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "ProtectionReport":
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
            imperceptibility=Imperceptibility(**data.pop("invisibility")),
            evidence=Evidence.from_dict(data.pop("evidence")),
            caveats=tuple(data.pop("limits")),
            **data,
        )
