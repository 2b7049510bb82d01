"""Where unfinished work is kept, so that a job that is claimed again goes on from there."""

import io
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class CheckpointStore(Protocol):
    """Named pieces of one job's work; `save` is atomic: a piece is there whole or not at all."""

    def load(self, name: str) -> bytes | None:
        """The piece called `name`, or None."""
        ...

    def save(self, name: str, data: bytes) -> None:
        """Keep a piece; one of the same name is replaced."""
        ...

    def drop(self, name: str) -> None:
        """Forget a piece; one that is not there is fine."""
        ...


class NullCheckpointStore:
    """Keeps nothing: for work that is not gone on with."""

    def load(self, name: str) -> bytes | None:
        """Nothing, ever."""
        return None

    def save(self, name: str, data: bytes) -> None:
        """Forgets it at once."""

    def drop(self, name: str) -> None:
        """There is nothing to forget."""


class PrefixedCheckpointStore:
    """One part of a shelf (Shelf), by name: the pieces of other parts are not seen from it."""

    def __init__(self, checkpoints: CheckpointStore, name: str) -> None:
        self._shelf, self._name = checkpoints, name

    def load(self, name: str) -> bytes | None:
        """The piece called `name` of this part, or None."""
        return self._shelf.load(f"{self._name}/{name}")

    def save(self, name: str, data: bytes) -> None:
        """Keep a piece in this part; one of the same name is replaced."""
        self._shelf.save(f"{self._name}/{name}", data)

    def drop(self, name: str) -> None:
        """Forget a piece of this part; one that is not there is fine."""
        self._shelf.drop(f"{self._name}/{name}")


def pack(array: NDArray[np.int8]) -> bytes:
    """An array as bytes; nothing that unpacks it needs pickle."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def unpack(data: bytes) -> NDArray[np.int8]:
    """The array that `pack` packed."""
    array: NDArray[np.int8] = np.load(io.BytesIO(data), allow_pickle=False)
    return array
