"""A shelf that is a folder: for work without a service, which its next run goes on with."""

import shutil
import time
from pathlib import Path

from core.runtime.atomic_files import read_json, write_bytes, write_json


class FolderCheckpointStore:
    """A shelf that is a folder (core.runtime.checkpoints.Shelf). It counts the seconds of all runs up to their last
    piece.

    What a killed run did after its last piece is done again, and counted then.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._began = time.monotonic()
        self._before = float(read_json(folder / "seconds.json") or 0.0)

    def load(self, name: str) -> bytes | None:
        """The piece called `name`, or None."""
        path = self._folder / name
        return path.read_bytes() if path.exists() else None

    def save(self, name: str, data: bytes) -> None:
        """Keep a piece; one of the same name is replaced."""
        write_bytes(self._folder / name, data)
        write_json(self._folder / "seconds.json", self.seconds)

    def drop(self, name: str) -> None:
        """Forget a piece; one that is not there is fine."""
        (self._folder / name).unlink(missing_ok=True)

    @property
    def seconds(self) -> float:
        """Of the work whose pieces lie here, and of this run so far."""
        return self._before + time.monotonic() - self._began

    def remove(self) -> None:
        """Forget everything: the work is done and lies elsewhere."""
        shutil.rmtree(self._folder, ignore_errors=True)
