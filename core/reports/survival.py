"""How much survives a protection where it is weakest: the row in which a model learns most, in plain words."""

from collections.abc import Sequence

from core.reports.wording import capitalize, percent
from core.results.evidence import EvidenceRow
from core.results.verification import VerificationReport
from core.specs.catalog import COUNTERMEASURE_INFO, PROBE

MOST = 0.5
"""Of what the originals teach above chance; a headline says so if a model learns more in any row."""


def weakest_row(rows: Sequence[EvidenceRow], *, chance: float) -> EvidenceRow | None:
    """The row in which the largest share survives; None if it is no more than MOST, or if no original teaches anything.

    Args:
        rows: The rows of one report.
        chance: The accuracy of a model that has learned nothing.
    """
    shares = [(share, row) for row in rows if (share := row.share_left(chance)) is not None]
    share, row = max(shares, key=lambda one: one[0], default=(0.0, None))
    return row if share > MOST else None


def survives(row: EvidenceRow) -> str:
    """Who still learns, and how much: 'a pretrained model still learns most of it: 69 of 82 %'."""
    part = "all" if row.accuracy_after >= row.accuracy_before else "most"
    accuracies = f"{row.accuracy_after * 100:.0f} of {percent(row.accuracy_before)}"
    return f"{trained_model(row)} still learns {part} of it: {accuracies}"


def trained_model(row: EvidenceRow) -> str:
    """The model of a row in plain words: 'a pretrained model trained on images converted to greyscale'."""
    if row.learner == PROBE:
        name = "a linear classifier on pretrained features"
    else:
        name = "a pretrained model" if row.is_pretrained else "a model"
    trained = []
    if row.radius:
        trained.append(f"adversarially ({row.norm or 'Linf'} {row.radius}/255)")
    if row.countermeasure is not None:
        info = COUNTERMEASURE_INFO.get(row.countermeasure)
        trained.append(info.description if info else f"after {row.countermeasure}")
    return f"{name} trained {' '.join(trained)}" if trained else name


def verification_headline(report: VerificationReport) -> str | None:
    """What a verification shows at its weakest, so far; None for a dataset alone, and before the first row."""
    chance = report.evidence.chance
    rows = [compared for row in report.evidence.rows if (compared := row.comparison) is not None]
    if not rows:
        return None
    weakest = weakest_row(rows, chance=chance)
    if weakest is not None:
        return f"{capitalize(survives(weakest))} (chance {percent(chance)})."
    if all(row.share_left(chance) is None for row in rows):
        return "The originals teach nothing clearly above chance, so protection has nothing to take away."
    return "In no row do models learn more than half of what the originals teach above chance."
