"""Checkpoints: the saved state of unfinished work, from which a job that is claimed again resumes."""

import io
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class CheckpointStore(Protocol):
    """The named checkpoints of one job. Saving is atomic: a checkpoint is complete or does not exist."""

    def load(self, name: str) -> bytes | None:
        """The data of a checkpoint; None if it does not exist."""
        ...

    def save(self, name: str, data: bytes) -> None:
        """Save a checkpoint; one of the same name is replaced.

        Args:
            name: Its name.
            data: Its bytes.
        """
        ...

    def delete(self, name: str) -> None:
        """Delete a checkpoint; nothing happens if it does not exist."""
        ...


class NullCheckpointStore:
    """Saves nothing, for work that never resumes."""

    def load(self, name: str) -> bytes | None:
        """None: there are no checkpoints."""
        return None

    def save(self, name: str, data: bytes) -> None:
        """Do nothing."""

    def delete(self, name: str) -> None:
        """Do nothing."""


class PrefixedCheckpointStore:
    """The checkpoints of another store whose names start with a prefix and a slash.

    Args:
        checkpoints: The other store.
        prefix: Names the part of it.
    """

    def __init__(self, checkpoints: CheckpointStore, prefix: str) -> None:
        self._checkpoints, self._prefix = checkpoints, prefix

    def load(self, name: str) -> bytes | None:
        """The data of a checkpoint under the prefix; None if it does not exist."""
        return self._checkpoints.load(f"{self._prefix}/{name}")

    def save(self, name: str, data: bytes) -> None:
        """Save a checkpoint under the prefix; one of the same name is replaced."""
        self._checkpoints.save(f"{self._prefix}/{name}", data)

    def delete(self, name: str) -> None:
        """Delete a checkpoint under the prefix; nothing happens if it does not exist."""
        self._checkpoints.delete(f"{self._prefix}/{name}")


def array_to_bytes(array: NDArray[np.int8]) -> bytes:
    """An array in the format of NumPy's .npy files, without pickle."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def array_from_bytes(data: bytes) -> NDArray[np.int8]:
    """The array that `array_to_bytes` wrote. Raises ValueError for other data."""
    array: NDArray[np.int8] = np.load(io.BytesIO(data), allow_pickle=False)
    return array
