"""The evidence of a protection as a page shows it: the accuracies as text and as bars."""

from dataclasses import dataclass
from typing import Any

from core.reports.charts import Bar, accuracy_bars
from core.reports.wording import capitalize, outcome_of, verdict_of
from core.results.evidence import EvidenceRow
from core.results.protection import Report

BAR_TOPS = (8, 52)  # of the two bars, in per cent of the height of their chart


@dataclass(frozen=True, slots=True)
class EvidenceTableRow:
    """One training.

    Attributes:
        label: its name.
        before: accuracy on originals in per cent.
        after: accuracy on protected images in per cent.
        outcome: whether protection is shown.
        bars: both accuracies as bars.
    """

    label: str
    before: str
    after: str
    outcome: str
    bars: tuple[Bar, Bar]


def context(report: Report) -> dict[str, Any]:
    """The variables of `parts/evidence.html`."""
    evidence, figures = report.evidence, report.imperceptibility
    visible = [("Largest change", f"{figures.linf_max:g} of 255"), ("Mean change", f"{figures.mae:.1f} of 255")]
    if figures.psnr_db is not None:
        visible.append(("PSNR", f"{figures.psnr_db:.1f} dB"))
    if figures.ssim is not None:
        visible.append(("SSIM", f"{figures.ssim:.3f}"))
    return {
        "report": report,
        "verdict": verdict_of(evidence),
        "rows": [_row(row, evidence.chance) for row in evidence.rows],
        "chance": _percent(evidence.chance),
        "visible": visible,
    }


def _row(row: EvidenceRow, chance: float) -> EvidenceTableRow:
    return EvidenceTableRow(
        label=capitalize(row.name),
        before=_percent(row.accuracy_before),
        after=_percent(row.accuracy_after),
        outcome=outcome_of(row, chance=chance),
        bars=accuracy_bars(row, y=BAR_TOPS),
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
