"""Room on the disk: how much must stay free, and a reserve with which a full disk can still be emptied."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from store.settings import Settings

RESERVE_BYTES = 8 * 2**20  # enough for the rows of many deletions
RESERVE_SHARE = 50  # of a small disk the reserve takes at most this part
MAX_DEFAULT_FLOOR = 2**30  # bytes
DEFAULT_FLOOR_SHARE = 20


def floor_bytes(settings: Settings, folder: Path) -> int:
    """Return how many bytes must stay free on the disk of a folder: those of the settings, else 5 % up to 1 GiB.

    Args:
        settings: the service's settings.
        folder: an existing folder.
    """
    if settings.min_free_bytes >= 0:
        return settings.min_free_bytes
    return min(MAX_DEFAULT_FLOOR, shutil.disk_usage(folder).total // DEFAULT_FLOOR_SHARE)


def free_bytes(folder: Path) -> int:
    """Return how many bytes this process may still write to the disk of an existing folder."""
    return shutil.disk_usage(folder).free


def is_database_disk_full(error: DBAPIError) -> bool:
    """Return whether a database reports that its disk is full (SQLITE_FULL; SQLSTATE 53100 of PostgreSQL)."""
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
    return state in ("53100", "SQLITE_FULL")


class DiskReserve:
    """A file beside the SQLite database that holds a little of the disk.

    It is given up when the disk is full, so that rows can still be changed: deleting a dataset frees its bytes, but
    needs a few for the database first.

    Args:
        folder: The folder of the database.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "reserve"

    def release_if_needed(self) -> None:
        """Remove the file if the disk has less room than it holds. Call this before rows are written."""
        with suppress(OSError):
            if free_bytes(self._folder) < self._size():
                self._file.unlink()

    def restore(self, *, floor: int) -> None:
        """Make the file again if there is room for it.

        Args:
            floor: How many bytes must stay free beside it.
        """
        size = self._size()
        if self._file.exists() or free_bytes(self._folder) < floor + size:
            return
        descriptor = os.open(self._file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError:
            self._file.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)

    def _size(self) -> int:
        return min(RESERVE_BYTES, shutil.disk_usage(self._folder).total // RESERVE_SHARE)
