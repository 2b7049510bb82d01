"""The data folder: whether this user can write to it and its disk has room."""

import errno
import os
import tempfile
from pathlib import Path

TRIED_BYTES = 64 * 1024


class DataDirUnusable(Exception):
    """The data folder cannot be used. The message names it, and says what to do."""


def require_data_dir(path: Path) -> None:
    """Create the data folder if it is missing, and try to write to it.

    Args:
        path: the data folder.

    Raises:
        DataDirUnusable: it cannot be created or written, or its disk is full.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"\0" * TRIED_BYTES)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataDirUnusable(
                f"the disk of the data folder {path} is full: free some space, or set UNTEACHABLE_DATA_DIR to a folder "
                "on another disk"
            ) from None
        raise DataDirUnusable(
            f"the data folder {path} cannot be written ({error.strerror}): set UNTEACHABLE_DATA_DIR to a folder that "
            "this user can write to"
        ) from None
