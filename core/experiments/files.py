"""Files that are there whole or not at all, so that a run can be killed at any time and gone on with."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file under another name beside it, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON that people can read."""
    write_bytes(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The value of a JSON file, or None where there is no such file."""
    return json.loads(path.read_bytes()) if path.exists() else None


class FolderShelf:
    """A shelf that is a folder (core.shelf.Shelf). It counts the seconds of all runs up to their last piece.

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
