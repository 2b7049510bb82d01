"""Checkpoints in a folder, for work without a service."""

import shutil
import time
from pathlib import Path

from core.runtime.atomic_files import read_json, write_bytes, write_json


class FolderCheckpointStore:
    """Checkpoints in a folder (`core.runtime.checkpoints.CheckpointStore`), with the time that the work took.

    The time of all runs counts up to their last checkpoint. What a killed run did after its last checkpoint is done
    again, and counts then.

    Args:
        folder: It is created with the first checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started = time.monotonic()
        self._seconds_before = float(read_json(folder / "seconds.json") or 0.0)

    def load(self, name: str) -> bytes | None:
        """The data of a checkpoint; None if it does not exist."""
        path = self._folder / name
        return path.read_bytes() if path.exists() else None

    def save(self, name: str, data: bytes) -> None:
        """Save a checkpoint; one of the same name is replaced."""
        write_bytes(self._folder / name, data)
        write_json(self._folder / "seconds.json", self.seconds)

    def delete(self, name: str) -> None:
        """Delete a checkpoint; nothing happens if it does not exist."""
        (self._folder / name).unlink(missing_ok=True)

    @property
    def seconds(self) -> float:
        """The time of the earlier runs up to their last checkpoint, and of this run so far."""
        return self._seconds_before + time.monotonic() - self._started

    def remove(self) -> None:
        """Remove the folder, because the result is saved elsewhere."""
        shutil.rmtree(self._folder, ignore_errors=True)
