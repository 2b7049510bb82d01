"""A real file system of a few megabytes, so that a test can fill it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path | None]:
    """Mount an empty file system of this size at `folder` during the block.

    Args:
        folder: where to mount it; made if it is missing.
        mebibytes: its size.

    Yields:
        The folder; None where this user may not mount anything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", str(folder)]
    if shutil.which(mount[0]) is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, name: str = "filler") -> Path:
    """Fill the file system of a folder to its last byte by one more file, which is returned."""
    file = folder / name
    with file.open("ab", buffering=0) as out:
        size = 1 << 20
        while size:
            try:
                if out.write(bytes(size)) < size:
                    size //= 2
            except OSError:
                size //= 2
    return file
