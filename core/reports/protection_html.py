"""The report of a protection as one HTML page without scripts or links: styles, charts and images are inside it."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.reports.charts import bar_chart, curve_charts
from core.reports.evidence_time import time_taken
from core.reports.templating import definitions, environment
from core.reports.verdict import verdict_of
from core.results.protection import ProtectionReport

MAX_SIDE = 256  # of an image on the page, in pixels
ENLARGED_SIDE = 64  # images up to this side are enlarged, with hard edges
ONLY_IN_JSON = ("card", "class_outputs")  # keys of `generator` that are too long for the page
MAX_SAMPLES, MAX_CLASSES, MAX_SKIPPED = 8, 24, 100


@dataclass(frozen=True, slots=True)
class Sample:
    """An image of the report, as uploaded and as delivered.

    Attributes:
        path: Its path in the upload.
        original: Pixels uint8 (h, w, c); c is 1 (greyscale), 2 (greyscale and alpha), 3 (RGB) or 4 (RGB and alpha).
        protected: Pixels of the same shape. Large images may be scaled down, both in the same way.
    """

    path: str
    original: NDArray[np.uint8]
    protected: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A sample as the page shows it.

    Attributes:
        path: Its path in the upload.
        original: PNG data URI.
        protected: PNG data URI.
        noise: PNG data URI of the amplified difference.
        enlarged: Whether the page enlarges the image with hard edges.
        changed: Whether any colour value differs.
    """

    path: str
    original: str
    protected: str
    noise: str
    enlarged: bool
    changed: bool


def render_html(report: ProtectionReport, samples: Sequence[Sample]) -> str:
    """The page of a report; every name on it is escaped.

    Args:
        report: The protection.
        samples: Images to show; the first MAX_SAMPLES are.

    Raises:
        ValueError: The two versions of a sample differ in shape.
    """
    radius = int(report.spec["radius_u"])
    amplification = max(1, 120 // radius)
    strips = [_strip(sample, amplification) for sample in samples[:MAX_SAMPLES]]
    page = environment().get_template("report.html")
    return page.render(
        report=report,
        evidence=report.evidence,
        verdict=verdict_of(report.evidence),
        time_taken=time_taken(report.evidence),
        bars=bar_chart(report.evidence),
        curves=curve_charts([(row.name, row.curves) for row in report.evidence.rows], chance=report.evidence.chance),
        strips=strips,
        amplification=amplification,
        radius=radius,
        requested=definitions(
            {key: value for key, value in report.spec.items() if (key, value) != ("generator_id", None)}
        ),
        ran=definitions({key: value for key, value in report.generator.items() if key not in ONLY_IN_JSON}),
        max_classes=MAX_CLASSES,
        max_skipped=MAX_SKIPPED,
    )


def _strip(sample: Sample, amplification: int) -> Strip:
    if sample.original.shape != sample.protected.shape:
        raise ValueError(f"{sample.path}: {sample.original.shape} became {sample.protected.shape}")
    height, width, channels = sample.original.shape
    bands = channels - 1 if channels in (2, 4) else channels  # without alpha
    difference = sample.protected[..., :bands].astype(np.int16) - sample.original[..., :bands]
    noise = np.clip(128 + amplification * difference, 0, 255).astype(np.uint8)
    return Strip(
        path=sample.path,
        original=_data_uri(sample.original),
        protected=_data_uri(sample.protected),
        noise=_data_uri(noise),
        enlarged=max(height, width) <= ENLARGED_SIDE,
        changed=bool(difference.any()),
    )


def _data_uri(pixels: NDArray[np.uint8]) -> str:
    """Pixels uint8 (h, w, c) as a PNG data URI with sides up to MAX_SIDE."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")
