"""A board of pieces for tests: it has a helper in the same process."""

from collections.abc import Callable, Sequence


class HalfBoard:
    """A board with a helper that claims the last half of what is offered, and needs a while for each piece.

    Args:
        compute: What the helper does; None for one that is killed at once.

    Attributes:
        offered: All pieces, in the order in which they were offered.
        owned: The pieces that the owner took.
        helped: Those that the helper computed.
        withdrawn: Those that the owner needs no longer.
    """

    def __init__(self, compute: Callable[[str], None] | None) -> None:
        self._compute = compute
        self._claimed: dict[str, int] = {}  # how often the owner still asks in vain
        self.offered: list[str] = []
        self.owned: list[str] = []
        self.helped: list[str] = []
        self.withdrawn: list[str] = []

    def has_helpers(self) -> bool:
        return True

    def publish(self, names: Sequence[str]) -> None:
        self.offered += names
        self._claimed |= dict.fromkeys(names[len(names) // 2 :], 2)

    def take(self, name: str) -> bool:
        if self._claimed.get(name, 0):
            self._claimed[name] -= 1
            return False
        if name in self._claimed and self._compute is not None:
            self._compute(name)
            self.helped.append(name)
        else:
            self.owned.append(name)
        return True

    def withdraw(self, names: Sequence[str]) -> None:
        self.withdrawn += names
