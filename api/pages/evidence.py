"""A report as a page shows it: numbers rounded once, in the report's own words."""

from dataclasses import dataclass
from typing import Any

from core.reports.wording import outcome, verdict
from core.results.evidence import EvidenceRow, Interval
from core.results.protection import Report


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the chart; lengths in per cent of the chart's width, `y` of a pair's height."""

    kind: str
    y: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """One training: its name, both accuracies in per cent, what that shows, and its two bars."""

    label: str
    before: str
    after: str
    shown: str
    bars: tuple[Bar, Bar]


def context(report: Report) -> dict[str, Any]:
    """What `parts/evidence.html` needs."""
    evidence, seen = report.evidence, report.invisibility
    visible = [("Largest change", f"{seen.linf_max:g} of 255"), ("Mean change", f"{seen.mae:.1f} of 255")]
    if seen.psnr_db is not None:
        visible.append(("PSNR", f"{seen.psnr_db:.1f} dB"))
    if seen.ssim is not None:
        visible.append(("SSIM", f"{seen.ssim:.3f}"))
    return {
        "report": report,
        "verdict": verdict(evidence),
        "rows": [_row(row, evidence.chance) for row in evidence.rows],
        "chance": _percent(evidence.chance),
        "visible": visible,
    }


def _row(row: EvidenceRow, chance: float) -> Row:
    name = row.name[0].upper() + row.name[1:]
    return Row(
        label=name,
        before=_percent(row.accuracy_before),
        after=_percent(row.accuracy_after),
        shown=outcome(row, chance=chance),
        bars=(
            _bar("before", 8, row.accuracy_before, row.ci95_before),
            _bar("after", 52, row.accuracy_after, row.ci95_after),
        ),
    )


def _bar(kind: str, y: int, accuracy: float, interval: Interval) -> Bar:
    low, high = (round(100 * end, 2) for end in interval)
    return Bar(kind=kind, y=y, share=round(100 * accuracy, 2), low=low, high=high)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
