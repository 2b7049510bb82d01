"""What this process has counted since it last wrote it into the database; see `store.counters`. Imports no database."""

import threading
from collections import Counter as Amounts

Key = tuple[str, ...]  # the name of a counter, and the values of its labels


class Tally:
    """Amounts by the name of a counter and its labels. Any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._amounts: Amounts[Key] = Amounts()

    def add(self, name: str, *labels: str, amount: float = 1) -> None:
        """Add to a counter.

        Args:
            name: one of `store.counters.COUNTERS`.
            labels: the values of its labels, in their order.
            amount: how much; nothing happens for 0.
        """
        if amount:
            with self._lock:
                self._amounts[(name, *labels)] += amount  # type: ignore[assignment]

    def take(self) -> dict[Key, float]:
        """Return the amounts, and begin anew."""
        with self._lock:
            taken, self._amounts = self._amounts, Amounts()
        return dict(taken)


tally = Tally()
"""That of this process."""
