"""Rotation of a log while its process writes: the process keeps its open file, which is copied and emptied.

The file must be open for appending, so that the process goes on at its new end. What it writes between the copy and the
emptying is lost: a line or two.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

NEWER_FILE_SUFFIX = ".new"


def rotate_if_large(path: Path, *, max_bytes: int) -> bool:
    """Move the content of a large log to the same name with `.1` at its end, in place of the one before.

    On a full disk the content is dropped: a log must not be what keeps the disk full.

    Args:
        path: the log; it may be missing.
        max_bytes: the size beyond which it is rotated; also the most that stays of it, from its end.

    Returns:
        Whether it was rotated.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return False
    if size <= max_bytes:
        return False
    older = path.with_name(f"{path.name}.1")
    copy = older.with_name(older.name + NEWER_FILE_SUFFIX)
    try:
        with path.open("rb") as source, copy.open("wb") as target:
            source.seek(max(0, size - max_bytes))
            shutil.copyfileobj(source, target)
        copy.replace(older)
    except OSError:
        with suppress(OSError):
            copy.unlink(missing_ok=True)
    os.truncate(path, 0)
    return True
