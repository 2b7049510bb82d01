"""The verdict of a report in plain words. It follows from the intervals and is never better than they are."""

from collections.abc import Sequence

from core.results.difference import Interval

SPACE = "\u00a0"  # keeps a number and its unit on one line


def percent(fraction: float, *, digits: int = 0) -> str:
    """0.247 as '25 %', with a space that does not break.

    Args:
        fraction: From 0 to 1.
        digits: How many digits stand behind the point.
    """
    return f"{fraction * 100:.{digits}f}{SPACE}%"


def format_interval(interval: Interval) -> str:
    """(0.226, 0.267) as '22.6 to 26.7 %'."""
    return f"{interval[0] * 100:.1f} to {percent(interval[1], digits=1)}"


def format_runs(accuracies: Sequence[float]) -> str:
    """(0.244, 0.226, 0.267) as '22.6 to 26.7 %'."""
    return format_interval((min(accuracies), max(accuracies)))


def format_change(change: float) -> str:
    """-0.412 as '−41.2', with a sign, in percentage points."""
    return f"{change * 100:+.1f}".replace("-", "−")


def format_changes(interval: Interval) -> str:
    """(-0.44, 0.01) as '−44.0 to +1.0', in percentage points."""
    return " to ".join(map(format_change, interval))


def capitalize(text: str) -> str:
    """The text with a capital first letter; `str.capitalize` would lower the others."""
    return text[:1].upper() + text[1:]


def as_sentence(text: str) -> str:
    """'too few images' as 'Too few images.'"""
    return capitalize(text).rstrip(".") + "."
