"""The report of a protection as one HTML page that loads nothing: styles, charts, images and a script are inside it."""

from collections.abc import Sequence

from core.reports.album_wording import how_measured
from core.reports.charts import bar_chart, curve_charts
from core.reports.comparisons import compare
from core.reports.evidence_time import time_taken
from core.reports.samples import Sample
from core.reports.settings_table import settings_rows
from core.reports.templating import definitions, environment
from core.reports.verdict import verdict_of
from core.reports.visibility_wording import JPEG_SCALE, SSIMULACRA2_GRADES, describe_measuring, describe_visibility
from core.results.protection import ProtectionReport

ONLY_IN_JSON = ("card", "class_outputs")  # keys of `generator` that are too long for the page
MAX_CLASSES, MAX_SKIPPED = 24, 100


def render_html(report: ProtectionReport, samples: Sequence[Sample]) -> str:
    """The page of a report; every name on it is escaped.

    Args:
        report: The protection.
        samples: Images to show, worst first; as many as the page has room for.

    Raises:
        ValueError: The two versions of a sample differ in shape.
    """
    radius = int(report.spec["radius_u"])
    amplification = max(1, 120 // radius)
    page = environment().get_template("report.html")
    return page.render(
        report=report,
        evidence=report.evidence,
        verdict=verdict_of(report.evidence),
        time_taken=time_taken(report.evidence),
        how_measured=how_measured(report.evidence),
        bars=bar_chart(report.evidence),
        curves=curve_charts([(row.name, row.curves) for row in report.evidence.rows], chance=report.evidence.chance),
        comparisons=compare(samples, amplification=amplification),
        amplification=amplification,
        radius=radius,
        visibility=describe_visibility(report.imperceptibility),
        measuring=describe_measuring(report.imperceptibility),
        jpeg_scale=JPEG_SCALE,
        grades=SSIMULACRA2_GRADES,
        requested=settings_rows(report.spec),
        ran=definitions({key: value for key, value in report.generator.items() if key not in ONLY_IN_JSON}),
        max_classes=MAX_CLASSES,
        max_skipped=MAX_SKIPPED,
    )
