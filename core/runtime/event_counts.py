"""Counts of rare events in this process, such as ended decoders, for those who monitor it."""

import threading
from collections import Counter

_lock = threading.Lock()
_counts: Counter[tuple[str, str]] = Counter()


def count_event(name: str, reason: str) -> None:
    """Count an event. Any thread may call this.

    Args:
        name: What happened.
        reason: Why, as one of a few words.
    """
    with _lock:
        _counts[(name, reason)] += 1


def take_event_counts() -> dict[tuple[str, str], int]:
    """Return the counts since the last call, by name and reason."""
    with _lock:
        taken = dict(_counts)
        _counts.clear()
    return taken
