"""A job that has run for longer than the settings allow fails, and keeps the archive that it has offered."""

from store.leases import Claim
from worker.context import WorkerContext
from worker.failed_rows import mark_failed

MINUTE, HOUR = 60, 3600


def fail_over_limit(context: WorkerContext, claim: Claim) -> bool:
    """Mark a job as failed because of the limit.

    Args:
        context: the services of this process.
        claim: the attempt's claim.

    Returns:
        False, with nothing changed, where the claim is lost.
    """
    return mark_failed(context, claim, limit_text(context.settings.max_run_seconds))


def limit_text(seconds: float) -> str:
    """Return what the user reads.

    Args:
        seconds: the limit.
    """
    return (
        f"It ran for longer than the {_in_words(seconds)} that this service allows a job. Take fewer images, a quicker "
        "preset or less evidence, or ask the operator of this service for more time."
    )


def _in_words(seconds: float) -> str:
    number, unit = (seconds / HOUR, "hours") if seconds >= 2 * HOUR else (seconds / MINUTE, "minutes")
    if seconds < 2 * MINUTE:
        number, unit = seconds, "seconds"
    return f"{number:.3g} {unit}"
