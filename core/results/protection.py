"""The report of a protection, as a value and as JSON. Imports no torch.

The keys of the JSON are a contract with its readers: those that differ from a field's name are in `JSON_KEYS`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.limits import RenamedFile, SkippedFile
from core.results.evidence import Evidence

JSON_KEYS = {"imperceptibility": "invisibility", "caveats": "limits"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVisibility:
    """How visible the change of one image is, at full size.

    Attributes:
        path: Its path in the archive.
        flip: FLIP, from 0 (invisible) to 1.
        ssimulacra2: SSIMULACRA2, at most 100 (identical); None where the image is too small for it.
    """

    path: str
    flip: float
    ssimulacra2: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imperceptibility:
    """How far the delivered images are from the uploaded ones. Means are over the images that changed.

    FLIP and SSIMULACRA2 compare the delivered files with the uploaded ones at full size. They take time, so of many
    images they are measured on a sample that is drawn by the seed, for the means, and on images with the largest mean
    squared change besides, for the worst. Reports of earlier releases have none of them.

    Attributes:
        linf_max: Largest change of a colour value in any image, in pixel units of 255.
        linf_mean: Mean over the images of each image's largest change, in pixel units of 255.
        mae: Mean absolute change of a colour value, in pixel units of 255.
        psnr_db: Mean peak signal-to-noise ratio at the images' own size; None where no image changed.
        ssim: Mean structural similarity at the size that the noise was made at; None where no image changed.
        flip: Mean FLIP, from 0 (invisible) to 1; None where it was not measured.
        flip_worst: The largest FLIP of an image that was measured.
        ssimulacra2: Mean SSIMULACRA2, at most 100 (identical); None where all images are too small, or none measured.
        ssimulacra2_worst: The least SSIMULACRA2 of an image that was measured.
        changed_images: Number of images that changed; None where it is unknown.
        measured_images: Number of images that FLIP was measured on.
        ssimulacra2_images: Number of images that SSIMULACRA2 was measured on.
        worst_images: The images with the largest FLIP, worst first.
        above_target: Paths of the images that compression alone changes more visibly than the target allows.
        above_size: Paths of lossy files that are larger than by default, because their noise needs finer compression.
    """

    linf_max: float
    linf_mean: float
    mae: float
    psnr_db: float | None
    ssim: float | None
    flip: float | None = None
    flip_worst: float | None = None
    ssimulacra2: float | None = None
    ssimulacra2_worst: float | None = None
    changed_images: int | None = None
    measured_images: int = 0
    ssimulacra2_images: int = 0
    worst_images: tuple[ImageVisibility, ...] = ()
    above_target: tuple[str, ...] = ()
    above_size: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Imperceptibility":
        """The figures from their JSON, also of a report of an earlier release.

        Args:
            data: The fields by name.

        Raises:
            TypeError: A key is missing or unknown.
        """
        worst = tuple(ImageVisibility(**one) for one in data.get("worst_images", ()))
        paths = {key: tuple(data.get(key, ())) for key in ("above_target", "above_size")}
        return cls(**{**data, "worst_images": worst, **paths})


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
        skipped: The files that were left out, with the reason.
        passed_through: The files that are no images and are in the archive: `path`, and `kind`, what they are.
        renamed: The files and folders that had another name in the upload: `path`, `was` and `reason`.
        layout: How the images were sorted into classes: `kind`, `reason`, `notes`, `problems` of label files, and
            `questions` about folders; None in reports of older releases.
    """

    name: str
    images: int
    classes: tuple[ClassCount, ...]
    skipped: tuple[SkippedFile, ...]
    passed_through: tuple[Mapping[str, str], ...] = ()
    renamed: tuple[RenamedFile, ...] = ()
    layout: Mapping[str, Any] | None = None

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
        renamed = tuple(RenamedFile(**one) for one in data.get("renamed", ()))
        passed_through = tuple(data.get("passed_through", ()))
        lists = {"classes": classes, "skipped": skipped, "renamed": renamed, "passed_through": passed_through}
        return cls(**{**data, **lists})


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
            imperceptibility=Imperceptibility.from_dict(data.pop("invisibility")),
            evidence=Evidence.from_dict(data.pop("evidence")),
            caveats=tuple(data.pop("limits")),
            **data,
        )
