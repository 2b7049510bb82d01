"""Pieces: named units of a long computation that other processes may compute, each alone, on the same kind of device.

A piece has its result in the checkpoints of the computation. Whoever computes it saves it there under its name, so the
owner needs no answer: a helper that disappears costs one piece, which the owner then computes itself.
"""

from collections.abc import Sequence
from typing import Protocol


class PieceBoard(Protocol):
    """Where the owner of a computation offers its pieces to helpers."""

    def has_helpers(self) -> bool:
        """Whether somebody waits for work who could compute pieces now."""
        ...

    def publish(self, names: Sequence[str]) -> None:
        """Offer pieces. All that a helper needs to compute them must be saved before.

        Args:
            names: Helpers begin with the last one.
        """
        ...

    def take(self, name: str) -> bool:
        """Take a piece from the board, so that its owner computes it or finds its result.

        Args:
            name: A piece, whether it was published or not.

        Returns:
            False, with nothing changed, while a helper computes it.
        """
        ...

    def withdraw(self, names: Sequence[str]) -> None:
        """Take pieces from the board that are no longer needed; helpers that compute them stop.

        Args:
            names: The pieces.
        """
        ...


class NoPieceBoard:
    """Nobody helps: the owner computes every piece itself."""

    def has_helpers(self) -> bool:
        """False: there is nobody."""
        return False

    def publish(self, names: Sequence[str]) -> None:
        """Do nothing."""

    def take(self, name: str) -> bool:
        """True: nobody else computes it."""
        return True

    def withdraw(self, names: Sequence[str]) -> None:
        """Do nothing."""
