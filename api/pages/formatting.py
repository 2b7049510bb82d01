"""Numbers, sizes, durations and times as pages show them; the templates use these functions as filters."""

from datetime import UTC, datetime

from markupsafe import Markup

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def format_number(value: int) -> str:
    """Format 1234 as '1,234'."""
    return f"{value:,}"


def format_count(value: int, noun: str) -> str:
    """Format a number with its noun: '1 class', '3 classes'.

    Args:
        value: The number.
        noun: The noun in the singular; its plural must be regular.
    """
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{value:,} {noun if value == 1 else plural}"


def format_size(value: int | None) -> str:
    """Format a number of bytes: 12300000 as '12.3 MB', None as '0 bytes'."""
    amount, unit = float(value or 0), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount /= 1000
        unit += 1
    digits = 0 if unit == 0 or amount >= 100 else 1
    return f"{amount:.{digits}f} {_UNITS[unit]}"


def format_duration(seconds: float) -> str:
    """Format a duration in seconds: 200 as 'about 3 minutes'."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 55:
        return f"about {round(seconds / 10) * 10} seconds"
    if seconds < 90:
        return "about a minute"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} minutes"
    if seconds < 36 * 3600:
        return f"about {round(seconds / 3600)} hours"
    return f"about {round(seconds / 86400)} days"


def time_tag(when: datetime) -> Markup:
    """Make a `<time>` element in UTC, which every_page.js shows in the reader's time zone.

    Args:
        when: A time with a time zone.
    """
    utc = when.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.isoformat(timespec="seconds"), f"{utc:%d %b %Y, %H:%M} UTC"
    )
