"""What the owner of a computation has offered on its board, and which of its pieces it computes next."""

import time
from collections.abc import Callable, Iterable, Sequence

from core.runtime.pieces import PieceBoard
from core.runtime.progress import Progress

POLL_SECONDS = 0.5  # while helpers compute all that is left


class PieceOffers:
    """The pieces of one owner on a board. Each is offered once.

    Args:
        board: Where helpers find them.

    Attributes:
        names: Of all pieces that were offered.
    """

    def __init__(self, board: PieceBoard) -> None:
        self._board = board
        self._is_alone = False  # where what helpers need cannot be saved, as on a full disk
        self.names: set[str] = set()

    def publish(self, names: Sequence[str], save: Callable[[list[str]], None]) -> None:
        """Offer pieces that are not offered yet, where somebody waits for work.

        Args:
            names: Helpers begin with the last one.
            save: Saves all that helpers need for new pieces. Where it raises OSError the owner goes on alone.
        """
        new = [name for name in names if name not in self.names]
        if self._is_alone or not new or not self._board.has_helpers():
            return
        try:
            save(new)
        except OSError:
            self._is_alone = True
            return
        self.names.update(new)
        self._board.publish(new)

    def take(self, names: Iterable[str], *, max_count: int = 1) -> list[str]:
        """Take the first pieces that no helper computes.

        Args:
            names: In the order in which the owner computes them.
            max_count: How many to take at most.
        """
        taken: list[str] = []
        for name in names:
            if self._board.take(name):
                taken.append(name)
                if len(taken) == max_count:
                    break
        return taken

    def withdraw(self, names: Sequence[str]) -> None:
        """Take offered pieces from the board that are no longer needed, if any of these is one; helpers stop.

        Args:
            names: Pieces, offered or not.
        """
        if self.names.intersection(names):
            self._board.withdraw(names)

    @staticmethod
    def wait(progress: Progress) -> None:
        """Wait a moment for helpers; the work can be stopped here."""
        progress.tick()
        time.sleep(POLL_SECONDS)
