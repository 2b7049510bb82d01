"""Files that are there whole or not at all, so that a run can be killed at any time and gone on with."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def renamed(out: Path) -> Iterator[Path]:
    """A temporary file beside `out` that becomes it at a clean end, and is gone at any other."""
    handle, name = tempfile.mkstemp(prefix=f".{out.name[:100]}.", suffix=".part", dir=out.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with renamed(path) as part:
        part.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON that people can read."""
    write_bytes(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The value of a JSON file, or None where there is no such file."""
    return json.loads(path.read_bytes()) if path.exists() else None
