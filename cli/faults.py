"""What an error of the system means for the user: one line with the place that is wrong and what to do."""

import errno
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
DENIED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_FULL_TEXTS = ("No space left on device", "Disk quota exceeded", "disk is full")  # as libraries word it


def describe_fault(error: BaseException, *, source: Path | None = None, written: Sequence[Path] = ()) -> str | None:
    """Describe an error of the operating system or of the database.

    Args:
        error: the error.
        source: the file or folder that was read, to name if the error names none.
        written: the files and folders that are written, besides those of the system for temporary files.

    Returns:
        One line; None for an error of another kind, which is a fault of the program.
    """
    if _is_full(error):
        return _describe_full_disk(error, written)
    if isinstance(error, OSError):
        return _describe_os_error(error, source)
    if type(error).__module__.startswith("sqlalchemy.") and hasattr(error, "orig"):
        reason = str(error.orig).split("\n", 1)[0]
        if "no such table" in reason or ("relation" in reason and "does not exist" in reason):
            return "UNTEACHABLE_DATABASE_URL: the database has no tables of this version: run `unteachable migrate`"
        return (
            f"the database cannot be used ({reason}): it is in UNTEACHABLE_DATA_DIR, or where UNTEACHABLE_DATABASE_URL "
            "says"
        )
    return None


def _is_full(error: BaseException) -> bool:
    return getattr(error, "errno", None) in FULL or any(text in str(error) for text in _FULL_TEXTS)


def _describe_full_disk(error: BaseException, written: Sequence[Path]) -> str:
    """Name the place that is full. A failed write names no file, so the place with the least free space is named."""
    temporary = Path(tempfile.gettempdir())
    named = getattr(error, "filename", None)
    place = (
        min([*written, temporary], key=_free_bytes)
        if named is None
        else _place_of(Path(str(named)), written, temporary)
    )
    if place == temporary:
        return f"{place}, the folder of temporary files: the disk is full: free some space, or set TMPDIR"
    return f"{place}: the disk is full: free some space, or name a place on another disk"


def _place_of(named: Path, written: Sequence[Path], temporary: Path) -> Path:
    """What a file belongs to: an output, of which it may be an unfinished part, or the folder of temporary files."""
    for path in written:
        if path in named.parents or path.absolute().parent == named.absolute().parent:
            return path
    return temporary if temporary in named.parents else named


def _free_bytes(path: Path) -> int:
    existing = next((folder for folder in (path, *path.absolute().parents) if folder.exists()), Path("/"))
    return shutil.disk_usage(existing).free


def _describe_os_error(error: OSError, source: Path | None) -> str:
    reason = error.strerror or str(error)
    if "usable temporary directory" in reason:
        return f"{reason}: set TMPDIR to a folder with free space that this user can write to"
    if error.filename is None:
        return f"{source}: {reason}" if source is not None and error.strerror else reason
    advice = ": name a place that this user can write to" if error.errno in DENIED else ""
    return f"{error.filename}: {reason}{advice}"
