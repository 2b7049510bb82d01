"""The numbers of a report as a plain text table for a terminal."""

from collections.abc import Sequence

from core.reports.album_wording import describe_joined
from core.reports.verdict import outcome_of, verdict_of
from core.reports.wording import SPACE, format_change, format_changes, format_interval, percent
from core.results.evidence import Evidence, EvidenceRow
from core.results.verification import VerificationReport
from core.results.verification_row import ARMS, VerificationRow
from core.specs.protected_class import tested_on


def evidence_table(evidence: Evidence) -> str:
    """The accuracies before and after protection, a line for each row; without rows the reason why there are none.

    Args:
        evidence: The measurements of one protection.

    Returns:
        Lines without a newline at the end.
    """
    if not evidence.rows:
        verdict = verdict_of(evidence)
        return f"{verdict.headline} {verdict.details[0]}"
    head = ("trained on", "originals", "95 % interval", "protected", "95 % interval", "difference", "protection")
    rows = [
        (
            row.name,
            percent(row.accuracy_before, digits=1),
            format_interval(row.ci95_before),
            percent(row.accuracy_after, digits=1),
            format_interval(row.ci95_after),
            _difference(row),
            outcome_of(row, chance=evidence.chance),
        )
        for row in evidence.rows
    ]
    of = (
        "clean test images"
        if evidence.joined is None
        else f"images of the album beside {describe_joined(evidence.joined)}"
    )
    foot = (
        f"Accuracy on {evidence.test_images} {of}; chance {percent(evidence.chance, digits=1)}; "
        f"{_learner(evidence)}{evidence.train_images} training images."
    )
    return _table(head, rows, foot)


def _difference(row: EvidenceRow) -> str:
    """The change in percentage points, with its interval where it is known."""
    change = format_change(row.accuracy_after - row.accuracy_before)
    return change if row.difference is None else f"{change} ({format_changes(row.difference.ci95)})"


def _learner(evidence: Evidence) -> str:
    """The learner, where the rows do not name theirs."""
    if any(row.image_size is not None for row in evidence.rows):
        return ""
    return f"learner {evidence.learner} at {evidence.image_size} px, "


def verification_table(report: VerificationReport) -> str:
    """The accuracies of a verification, a line for each row.

    Args:
        report: A verification, finished or not.

    Returns:
        Lines without a newline at the end.
    """
    head = ("trained", "originals", "protected", "clean rest", "protection")
    rows = [_verification_row(row, chance=report.evidence.chance) for row in report.evidence.rows]
    return _table(head, rows, _verification_foot(report))


def _verification_row(row: VerificationRow, *, chance: float) -> tuple[str, ...]:
    accuracies = (f"{100 * arm.accuracy:.1f}" if (arm := row.arms.get(name)) else "" for name in ARMS)
    compared = row.comparison
    return (row.name, *accuracies, outcome_of(compared, chance=chance) if compared else "")


def _verification_foot(report: VerificationReport) -> str:
    measured, name = report.evidence, report.protected_class
    chance, trained = f"{100 * measured.chance:.1f}", f"{measured.train_images} training images"
    if name is None:
        return (
            f"Accuracy in % on {measured.test_images} clean test images at {measured.image_size} px; chance {chance}; "
            f"{trained}."
        )
    return (
        f"{tested_on(measured.test_images, name)} Share of them recognized, in %, at {measured.image_size} px; naming "
        f"classes evenly gives {chance}; {trained}."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], foot: str) -> str:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    first, *rest = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
    return "\n".join([first, "-" * len(first), *rest, foot]).replace(SPACE, " ")
