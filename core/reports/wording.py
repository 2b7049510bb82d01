"""The report in plain words: the verdict, computed from the intervals and never better than they are, and the table."""

from dataclasses import dataclass

from core.results.evidence import Evidence, EvidenceRow, Interval

SPACE = "\u00a0"  # keeps a number and its unit on one line


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the evidence says, as a headline and the sentences that qualify it.

    tone: "shown" (the first row, and nothing measured contradicts it), "partly" (shown, but not for all that was
    measured), "not shown" or "not measured".
    """

    tone: str
    headline: str
    details: tuple[str, ...]


def percent(fraction: float, *, digits: int = 0) -> str:
    """0.247 as '25 %', with a space that does not break."""
    return f"{fraction * 100:.{digits}f}{SPACE}%"


def sentence(words: str) -> str:
    """'too few pictures' as 'Too few pictures.'"""
    return words[:1].upper() + words[1:].rstrip(".") + "."


def span(interval: Interval) -> str:
    """(0.226, 0.267) as '22.6 to 26.7 %'."""
    return f"{interval[0] * 100:.1f} to {percent(interval[1], digits=1)}"


def outcome(row: EvidenceRow, *, chance: float) -> str:
    """One row in two or three words: 'shown', 'shown, not for early stopping', 'not shown' or 'learns more'."""
    if row.ci95_before[0] <= chance:
        return "not shown"  # nothing could be learned from the originals either
    if row.rose:
        return "learns more"
    if not row.fell:
        return "not shown"
    return "shown, not for early stopping" if row.peak_after >= row.ci95_before[0] else "shown"


def verdict(evidence: Evidence) -> Verdict:
    """The headline of a report: the first row's numbers, and what the others say about it."""
    if not evidence.rows:
        return Verdict(
            tone="not measured",
            headline="Whether this protection works was not measured.",
            details=(sentence(evidence.note or "no evidence was asked for"),),
        )
    first, *others = evidence.rows
    chance = f"chance {percent(evidence.chance)}"
    after, before = percent(first.accuracy_after), percent(first.accuracy_before)
    words = outcome(first, chance=evidence.chance)
    if words.startswith("shown"):
        headline = f"Models trained on the protected pictures reach {after} instead of {before} ({chance})."
    elif words == "learns more":
        headline = (
            f"Protection failed: models trained on the protected pictures reach {after}, more than the {before} "
            f"on the originals ({chance})."
        )
    elif first.ci95_before[0] <= evidence.chance:
        headline = (
            f"Protection is not shown: even on the originals, models reach only {before}, not clearly above "
            f"{chance}, so there was nothing to take away."
        )
    else:
        headline = (
            f"Protection is not shown: models reach {after} instead of {before} ({chance}), and the 95{SPACE}% "
            "intervals overlap."
        )
    all_shown = all(outcome(row, chance=evidence.chance) == "shown" for row in evidence.rows)
    tone = ("shown" if all_shown else "partly") if words.startswith("shown") else "not shown"
    details = [*_first_details(first, evidence), *(_sentence(row, evidence.chance) for row in others)]
    return Verdict(tone=tone, headline=headline, details=tuple(details))


def _first_details(row: EvidenceRow, evidence: Evidence) -> list[str]:
    details = [] if evidence.note is None else [sentence(evidence.note)]
    if row.protected_percentage < 100:
        details.append(f"{percent(row.protected_percentage / 100)} of their training pictures were protected.")
    if row.fell and row.ci95_after[0] > evidence.chance:
        left = (row.accuracy_after - evidence.chance) / (row.accuracy_before - evidence.chance)
        details.append(
            f"They are not unlearnable: {percent(left)} of what can be learned above chance from the originals is "
            "still learned."
        )
    if row.fell and row.peak_after > row.ci95_after[1]:
        details.append(
            f"On the way such models pass {percent(row.peak_after)}: someone who can test on clean pictures of their "
            "own and stops at the best moment keeps that."
        )
    return details


def _sentence(row: EvidenceRow, chance: float) -> str:
    numbers = f"{percent(row.accuracy_after)} instead of {percent(row.accuracy_before)}"
    name = row.name[0].upper() + row.name[1:]
    words = outcome(row, chance=chance)
    if words == "shown":
        return f"{name}: {numbers}."
    if words == "learns more":
        return f"{name}: {numbers}, so it learns more from the protected pictures."
    if words == "not shown":
        why = (
            "not clearly above chance even on the originals"
            if row.ci95_before[0] <= chance
            else f"the 95{SPACE}% intervals overlap"
        )
        return f"{name}: {numbers}; protection is not shown ({why})."
    return f"{name}: {numbers}, but {percent(row.peak_after)} at its best moment, which is no less."
