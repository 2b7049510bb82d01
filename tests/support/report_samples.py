"""A made-up report with every part filled, for the tests of its words and its page. The numbers measure nothing."""

from dataclasses import replace
from typing import Any

import numpy as np

from core.limits import SkippedFile
from core.metrics.visibility import VisibilityScore
from core.reports.protection_caveats import DeliveryCounts, protection_caveats
from core.reports.samples import Sample
from core.results.evidence import Curve, Evidence, EvidenceRow
from core.results.protection import ClassCount, ImageVisibility, Imperceptibility, ProtectionReport, ReportDataset
from core.results.wilson import wilson_interval
from core.specs.protect import ProtectSpec

CHANCE = 0.1


def curve(*, end: float, peak: float, epochs: int = 12) -> Curve:
    """A curve from chance over `peak` to `end`."""
    rise = np.linspace(CHANCE, peak, epochs - epochs // 3)
    fall = np.linspace(peak, end, epochs // 3 + 1)[1:]
    accuracy = tuple(float(a) for a in [*rise, *fall])
    return Curve(epoch=tuple(range(1, epochs + 1)), accuracy=accuracy, loss=tuple(2 / (e + 1) for e in range(epochs)))


def row(*, before: float, after: float, n: int = 2000, peak_after: float | None = None, **other: Any) -> EvidenceRow:
    """A row whose intervals are those of `n` test images."""
    peak = max(after, peak_after or after)
    fields: dict[str, Any] = {
        "training": "standard",
        "norm": None,
        "radius": 0,
        "countermeasure": None,
        "architecture": "small",
        "protected_percentage": 100,
        "accuracy_before": before,
        "accuracy_after": after,
        "peak_before": before,
        "peak_after": peak,
        "ci95_before": wilson_interval(round(before * n), n),
        "ci95_after": wilson_interval(round(after * n), n),
        "curves": {"before": curve(end=before, peak=before), "after": curve(end=after, peak=peak)},
    }
    return EvidenceRow(**(fields | other))


def adversarial(radius: int, **other: Any) -> EvidenceRow:
    """A row of adversarial training."""
    return row(training="adversarial", norm="Linf", radius=radius, **other)


def evidence(*rows: EvidenceRow, **other: Any) -> Evidence:
    """Evidence with these rows on ten classes."""
    fields: dict[str, Any] = {
        "learner": "small residual network, 20 epochs",
        "image_size": 32,
        "train_images": 8000,
        "test_images": 2000,
        "chance": CHANCE,
        "rows": rows,
    }
    return Evidence(**(fields | other))


def report(found: Evidence | None = None, *, name: str = "Field pictures", **spec_keys: Any) -> ProtectionReport:
    """A whole report around this evidence."""
    found = found or evidence(row(before=0.662, after=0.247), adversarial(4, before=0.558, after=0.384))
    spec = ProtectSpec(**spec_keys)
    return ProtectionReport(
        job_id="job_4f2a",
        created_at="2026-11-22T16:04:05Z",
        seed=spec.seed,
        versions={"unteachable": "0.1.0", "torch": "2.13.0"},
        device="cpu, 2 cores, bf16",
        seconds=437.2,
        stages={
            "unpacking": 0.4,
            "decoding": 6.1,
            "training": 212.0,
            "noise": 61.5,
            "writing": 19.4,
            "evidence": 137.8,
        },
        dataset=ReportDataset(
            name=name,
            images=10000,
            classes=tuple(ClassCount(f"class {i}", 1000) for i in range(10)),
            skipped=(SkippedFile("train/notes/broken.jpg", "not an image that can be read: truncated file"),),
        ),
        spec=spec.to_dict(),
        generator={"method": "sem", "surrogate": "small", "work_size": 32, "steps": 800, "radius_a": 4},
        imperceptibility=Imperceptibility(
            linf_max=8.0,
            linf_mean=8.0,
            mae=5.31,
            psnr_db=32.4,
            ssim=0.937,
            flip=0.051,
            flip_worst=0.094,
            ssimulacra2=76.2,
            ssimulacra2_worst=61.5,
            changed_images=10000,
            measured_images=82,
            ssimulacra2_images=80,
            worst_images=(
                ImageVisibility(path="train/oak/0001.jpg", flip=0.094, ssimulacra2=61.5),
                ImageVisibility(path="train/oak/tiny.jpg", flip=0.093, ssimulacra2=None),
            ),
        ),
        evidence=found,
        caveats=protection_caveats(spec, found, DeliveryCounts(work_size=32, images=10000, enlarged=7031, exceeded=0)),
    )


def sample(
    path: str = "train/oak/0001.jpg", *, height: int = 60, width: int = 80, channels: int = 3, is_part: bool = False
) -> Sample:
    """An image of soft blobs with noise within 8; its scores are made up."""
    rng = np.random.default_rng(height * width + channels)
    y, x = np.mgrid[0:height, 0:width] / 12.0
    planes = [128 + 60 * np.sin(x + i) * np.cos(y - i) for i in range(channels)]
    original = np.stack(planes, axis=-1).astype(np.uint8)
    noise = rng.integers(-8, 9, original.shape)
    return Sample(
        path=path,
        original=original,
        delivered=(original + noise).astype(np.uint8),
        score=VisibilityScore(flip=0.094, ssimulacra2=61.5 if min(height, width) >= 225 else None),
        is_part=is_part,
    )


def without_curves(one: EvidenceRow) -> EvidenceRow:
    """The row as if nothing had been written down on the way."""
    return replace(one, curves={})
