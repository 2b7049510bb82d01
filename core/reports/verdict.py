"""The verdict of a report: what the interval of each difference shows, and the sentences that say it."""

from dataclasses import dataclass

from core.reports.album_wording import how_measured
from core.reports.evidence_time import left_out
from core.reports.survival import survives, weakest_row
from core.reports.wording import SPACE, as_sentence, capitalize, format_changes, percent
from core.results.evidence import Evidence, EvidenceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the evidence says.

    Attributes:
        tone: "shown" (every row shows protection, and none leaves most of what is learned), "partly" (the first row
            shows it), "not shown" or "not measured".
        headline: The result of the first row in one sentence, and where most survives, the row in which most does.
        details: Sentences that qualify the headline, and one for each other row.
    """

    tone: str
    headline: str
    details: tuple[str, ...]


def outcome_of(row: EvidenceRow, *, chance: float) -> str:
    """What one row shows.

    Args:
        row: The accuracies before and after protection, with their intervals.
        chance: The accuracy of a model that has learned nothing.

    Returns:
        "shown" if the accuracy after protection is significantly lower; "shown, not for early stopping" if that of the
        best epoch is not; "learns more" if it is significantly higher; else "not shown".
    """
    if row.ci95_before[0] <= chance:
        return "not shown"  # the originals teach nothing measurable, so nothing can be taken away
    if row.is_significantly_higher:
        return "learns more"
    if not row.is_significantly_lower:
        return "not shown"
    return "shown" if row.is_lower_at_peak else "shown, not for early stopping"


def verdict_of(evidence: Evidence) -> Verdict:
    """The verdict: a headline from the first row, and what the other rows say about it."""
    if not evidence.rows:
        return Verdict(
            tone="not measured",
            headline="Whether this protection works was not measured.",
            details=(as_sentence(evidence.note or "no evidence was requested"),),
        )
    first, *others = evidence.rows
    outcome = outcome_of(first, chance=evidence.chance)
    weakest = weakest_row(evidence.rows, chance=evidence.chance)
    all_shown = all(outcome_of(row, chance=evidence.chance) == "shown" for row in evidence.rows) and weakest is None
    tone = ("shown" if all_shown else "partly") if outcome.startswith("shown") else "not shown"
    details = [*_first_details(first, evidence), *(_describe_row(row, evidence.chance) for row in others)]
    details += filter(None, [left_out(evidence)])
    headline = _headline(first, weakest, evidence.chance, is_album=evidence.joined is not None)
    return Verdict(tone=tone, headline=headline, details=tuple(details))


def _headline(row: EvidenceRow, weakest: EvidenceRow | None, chance: float, *, is_album: bool) -> str:
    at_chance = f"chance {percent(chance)}"
    after, before = percent(row.accuracy_after), percent(row.accuracy_before)
    reach, after = ("recognize", f"{after} of the album") if is_album else ("reach", after)
    outcome = outcome_of(row, chance=chance)
    if outcome.startswith("shown"):
        if weakest is row:
            return f"{capitalize(survives(row))} ({at_chance})."
        models = "Pretrained models" if row.is_pretrained else "Models"
        first = f"{models} trained on the protected images {reach} {after} instead of {before} ({at_chance})"
        return f"{first}." if weakest is None else f"{first}, but {survives(weakest)}."
    if outcome == "learns more":
        return (
            f"Protection failed: models trained on the protected images {reach} {after}, more than the {before} "
            f"on the originals ({at_chance})."
        )
    if row.ci95_before[0] <= chance:
        return (
            f"Protection is not shown: even on the originals, models {reach} only {before}, which is not clearly above "
            f"{at_chance}. Protection has nothing to take away."
        )
    return (
        f"Protection is not shown: models {reach} {after} instead of {before} ({at_chance}), and {_no_difference(row)}."
    )


def _no_difference(row: EvidenceRow) -> str:
    """Why the accuracies count as equal."""
    if row.difference is None:
        return f"the 95{SPACE}% intervals overlap"
    interval = format_changes(row.difference.ci95)
    return f"the 95{SPACE}% interval of the difference, {interval} points, includes 0"


def _first_details(row: EvidenceRow, evidence: Evidence) -> list[str]:
    details = [*filter(None, [how_measured(evidence)])]
    details += [] if evidence.note is None else [as_sentence(evidence.note)]
    if row.protected_percentage < 100:
        details.append(f"{percent(row.protected_percentage / 100)} of their training images were protected.")
    if row.is_significantly_lower and row.ci95_after[0] > evidence.chance:
        left = (row.accuracy_after - evidence.chance) / (row.accuracy_before - evidence.chance)
        details.append(
            f"The images are not unlearnable: models still learn {percent(left)} of what the originals teach above "
            "chance."
        )
    if row.is_significantly_lower and row.peak_after > row.ci95_after[1]:
        details.append(
            f"During training such models pass {percent(row.peak_after)}. A trainer who can test on clean images "
            "and stops at the best epoch keeps that accuracy."
        )
    return details


def _describe_row(row: EvidenceRow, chance: float) -> str:
    accuracies = f"{percent(row.accuracy_after)} instead of {percent(row.accuracy_before)}"
    name = capitalize(row.name)
    outcome = outcome_of(row, chance=chance)
    if outcome == "shown":
        return f"{name}: {accuracies}."
    if outcome == "learns more":
        return f"{name}: {accuracies}, so models learn more from the protected images."
    if outcome == "not shown":
        reason = (
            "not clearly above chance even on the originals" if row.ci95_before[0] <= chance else _no_difference(row)
        )
        return f"{name}: {accuracies}; protection is not shown ({reason})."
    return f"{name}: {accuracies}, but {percent(row.peak_after)} at the best epoch, which is no less than before."
