"""Sentences on the time that the evidence took, and on what was shortened or left out to end in time."""

from core.reports.wording import as_sentence
from core.results.evidence import Evidence


def time_taken(evidence: Evidence) -> str | None:
    """How long the measurement took beside what it was allowed; None where it had no limit that could matter."""
    if evidence.plan is None:
        return None
    taken, allowed = _minutes(evidence.seconds), _minutes(evidence.plan.seconds)
    if evidence.seconds > evidence.plan.seconds and taken != allowed:
        return f"The measurement took {taken}, more than the {allowed} that it may take."
    return f"The measurement took {taken} of the {allowed} that it may take."


def left_out(evidence: Evidence) -> str | None:
    """Which rows were not measured for lack of time; None if all were."""
    plan = evidence.plan
    if plan is None or not plan.left_out:
        return None
    return as_sentence(
        f"not measured, because {_minutes(plan.seconds)} did not suffice on this machine: {'; '.join(plan.left_out)}"
    )


def shortened(evidence: Evidence) -> str | None:
    """What is smaller than without a limit of time; None if nothing is."""
    plan = evidence.plan
    if plan is None or not plan.rows:
        return None
    parts = []
    if any(row.updates < row.full_updates for row in plan.rows):
        numbers = sorted({row.updates for row in plan.rows})
        full = max(row.full_updates for row in plan.rows)
        parts.append(f"models were trained for {_range(numbers)} updates instead of {full:,}")
    if any(row.train_images < plan.full_train_images for row in plan.rows):
        numbers = sorted({row.train_images for row in plan.rows})
        parts.append(f"they saw {_range(numbers)} of the {plan.full_train_images:,} training images")
    if any(row.runs < row.full_runs for row in plan.rows):
        parts.append(f"models were trained once instead of {max(row.full_runs for row in plan.rows)} times")
    if evidence.test_images < plan.full_test_images:
        parts.append(f"{evidence.test_images:,} of the {plan.full_test_images:,} test images were used")
    if not parts:
        return None
    return (
        f"To end in time on this machine, {'; '.join(parts)}. Both models of a comparison were trained alike. Another "
        "machine, or the same one when it is busy, chooses other numbers, so its accuracies may differ although the "
        "seed is the same."
    )


def _range(numbers: list[int]) -> str:
    return f"{numbers[0]:,}" if numbers[0] == numbers[-1] else f"{numbers[0]:,} to {numbers[-1]:,}"


def _minutes(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} seconds"
    minutes = f"{seconds / 60:.1f}".removesuffix(".0")
    return f"{minutes} minute{'' if minutes == '1' else 's'}"
