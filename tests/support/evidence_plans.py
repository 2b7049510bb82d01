"""What tests ask of the plan of an evidence."""

from core.results.evidence_plan import EvidencePlan


def is_shortened(plan: EvidencePlan) -> bool:
    """Whether any number is smaller than without a limit of time; the test images are the caller's to compare."""
    return bool(plan.left_out) or any(
        row.updates < row.full_updates or row.train_images < plan.full_train_images or row.runs < row.full_runs
        for row in plan.rows
    )
