"""The evidence of a protection as a page shows it: the verdict, the accuracies as text and as bars, the visibility."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.reports.charts import Bar, accuracy_bars
from core.reports.verdict import Verdict, outcome_of, verdict_of
from core.reports.visibility_wording import describe_measuring, describe_visibility
from core.reports.wording import capitalize
from core.results.evidence import EvidenceRow
from core.results.protection import Imperceptibility, ProtectionReport

_BAR_TOPS = (8, 52)  # of the two bars, in per cent of the height of their chart


@dataclass(frozen=True, slots=True)
class EvidenceTableRow:
    """One training.

    Attributes:
        label: The name of the training.
        before: The test accuracy after training on the originals, in per cent.
        after: The test accuracy after training on the protected images, in per cent.
        outcome: Whether the comparison shows protection, in a few words.
        bars: Both accuracies as bars.
    """

    label: str
    before: str
    after: str
    outcome: str
    bars: tuple[Bar, Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceView:
    """What `parts/evidence.html` shows.

    Attributes:
        verdict: The headline and the sentences that qualify it.
        rows: One row for each training.
        chance: The accuracy of guessing, in per cent.
        test_images: The number of test images.
        is_album: Whether the images are an album, which was one class beside others.
        visibility: Measures of the change, as pairs of a label and a value.
        visibility_in_words: Sentences that compare the measures with JPEG.
        measuring: Which images were measured; None if that is unknown.
        caveats: What the report does not show.
    """

    verdict: Verdict
    rows: Sequence[EvidenceTableRow]
    chance: str
    test_images: int
    is_album: bool
    visibility: Sequence[tuple[str, str]]
    visibility_in_words: Sequence[str]
    measuring: str | None
    caveats: Sequence[str]


def evidence_view(report: ProtectionReport) -> EvidenceView:
    """Make the view of a report's evidence."""
    evidence = report.evidence
    return EvidenceView(
        verdict=verdict_of(evidence),
        rows=[_table_row(row, evidence.chance) for row in evidence.rows],
        chance=_percent(evidence.chance),
        test_images=evidence.test_images,
        is_album=evidence.joined is not None,
        visibility=_visibility(report.imperceptibility),
        visibility_in_words=describe_visibility(report.imperceptibility),
        measuring=describe_measuring(report.imperceptibility),
        caveats=report.caveats,
    )


def _visibility(figures: Imperceptibility) -> list[tuple[str, str]]:
    measures = []
    if figures.flip is not None:
        measures.append(("FLIP, mean and worst", f"{figures.flip:.3f}, {figures.flip_worst:.3f}"))
    if figures.ssimulacra2 is not None:
        measures.append(("SSIMULACRA2, mean and worst", f"{figures.ssimulacra2:.0f}, {figures.ssimulacra2_worst:.0f}"))
    return [
        *measures,
        ("Largest change", f"{figures.linf_max:g} of 255"),
        ("Mean change", f"{figures.mae:.1f} of 255"),
    ]


def _table_row(row: EvidenceRow, chance: float) -> EvidenceTableRow:
    return EvidenceTableRow(
        label=capitalize(row.name),
        before=_percent(row.accuracy_before),
        after=_percent(row.accuracy_after),
        outcome=outcome_of(row, chance=chance),
        bars=accuracy_bars(row, y=_BAR_TOPS),
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
