"""The report as one page that needs nothing else: no script, no network; styles, charts and pictures are inside it."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.reports.charts import bar_chart, curve_charts
from core.reports.templating import environment, plain
from core.reports.wording import verdict
from core.results.protection import Report

EDGE = 256  # longest side of a picture on the page
TINY = 64  # pictures up to this are shown enlarged, pixel by pixel
ONLY_IN_JSON = ("card", "class_outputs")  # of the generator: long, and for programs
MOST_SAMPLES, MOST_CLASSES, MOST_SKIPPED = 8, 24, 100


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture to show, as uploaded and as delivered: (h, w, c) uint8, c = 1 (grey), 2 (grey, alpha), 3 or 4 (alpha).

    Large ones may come already made smaller, both in the same way.
    """

    path: str
    original: NDArray[np.uint8]
    protected: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A sample as the page shows it: three PNG data URIs."""

    path: str
    original: str
    protected: str
    noise: str
    tiny: bool  # shown larger than it is, pixel by pixel
    changed: bool


def render_html(report: Report, samples: Sequence[Sample]) -> str:
    """The page. Every name on it is escaped; raises ValueError where a sample's two pictures differ in shape."""
    radius = int(report.spec["radius_u"])
    amplified = max(1, 120 // radius)
    strips = [_strip(sample, amplified) for sample in samples[:MOST_SAMPLES]]
    page = environment().get_template("report.html")
    return page.render(
        report=report,
        evidence=report.evidence,
        verdict=verdict(report.evidence),
        bars=bar_chart(report.evidence),
        curves=curve_charts(report.evidence),
        strips=strips,
        amplified=amplified,
        radius=radius,
        asked=plain({key: value for key, value in report.spec.items() if (key, value) != ("generator_id", None)}),
        ran=plain({key: value for key, value in report.generator.items() if key not in ONLY_IN_JSON}),
        most_classes=MOST_CLASSES,
        most_skipped=MOST_SKIPPED,
    )


def _strip(sample: Sample, amplified: int) -> Strip:
    if sample.original.shape != sample.protected.shape:
        raise ValueError(f"{sample.path}: {sample.original.shape} became {sample.protected.shape}")
    height, width, channels = sample.original.shape
    colours = channels - 1 if channels in (2, 4) else channels
    difference = sample.protected[..., :colours].astype(np.int16) - sample.original[..., :colours]
    noise = np.clip(128 + amplified * difference, 0, 255).astype(np.uint8)
    return Strip(
        path=sample.path,
        original=_data_uri(sample.original),
        protected=_data_uri(sample.protected),
        noise=_data_uri(noise),
        tiny=max(height, width) <= TINY,
        changed=bool(difference.any()),
    )


def _data_uri(pixels: NDArray[np.uint8]) -> str:
    """(h, w, c) uint8 as a PNG data URI, made smaller where a side is longer than EDGE."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    picture.thumbnail((EDGE, EDGE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")
