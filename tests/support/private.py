"""Who may read the files of a folder."""

import stat
from pathlib import Path


def open_to_others(folder: Path) -> list[str]:
    """The folder, and what lies in it, as far as another user might read, write or enter it; sockets left out."""
    found = []
    for path in (folder, *folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_IMODE(mode) & 0o077 and not stat.S_ISSOCK(mode) and not stat.S_ISLNK(mode):
            found.append(f"{path.relative_to(folder)} {stat.S_IMODE(mode):o}")
    return found
