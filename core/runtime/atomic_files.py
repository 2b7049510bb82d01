"""Files that appear complete or not at all, so that a run may be killed at any time."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_file(out: Path) -> Iterator[Path]:
    """Yield a temporary file beside `out`; it replaces `out` at a clean end, and is removed at any other.

    Who may read the file follows from the mask of the process (umask), as for any new file.
    """
    part = out.parent / f".{out.name[:100]}.{secrets.token_hex(8)}.part"
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, and create its folders.

    Args:
        path: The file, which appears complete or not at all.
        data: What is in it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as part:
        part.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, and create the folders of the file.

    Args:
        path: The file, which appears complete or not at all.
        value: A JSON value.
    """
    write_bytes(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The value of a JSON file; None if the file does not exist."""
    return json.loads(path.read_bytes()) if path.exists() else None
