"""The paths of an upload in a form that every system takes, each given once."""

from core.filenames import UniquePaths, printable
from core.limits import RenamedFile
from core.portable_names import ARCHIVE_FILES, TAKEN, fold, numbered, portable_part

_ARCHIVE_FILES = frozenset(map(fold, ARCHIVE_FILES))


class PortablePaths:
    """Gives the files and folders of one upload portable names. What must change is listed in `renamed`.

    Args:
        taken: The paths that are in use.
    """

    def __init__(self, taken: UniquePaths) -> None:
        self._taken = taken
        self._folders: dict[str, str] = {}  # new path by stored path, for each folder whose own name changed
        self._given: dict[str, str] = {}  # stored path by folded new path, for each name that changed
        self._numbers: dict[
            str, int
        ] = {}  # the last number in use by folded path, so that many equal names cost little
        self.renamed: list[RenamedFile] = []

    def rename(self, path: str) -> str:
        """The portable path of a file.

        Args:
            path: Its normalized path as stored.
        """
        parts = path.split("/")
        stored = new = ""
        for place, part in enumerate(parts):
            stored = f"{stored}/{part}" if place else part
            new = self._below(f"{new}/" if place else "", part, stored, is_file=place == len(parts) - 1)
        return new

    def _below(self, folder: str, part: str, stored: str, *, is_file: bool) -> str:
        """The new path of one file or folder.

        Args:
            folder: The new path of the folder that holds it, with its slash.
            part: Its name as stored.
            stored: Its path as stored.
            is_file: Whether it is a file, which has its name alone.
        """
        if stored in self._folders:
            return self._folders[stored]
        name, reason = portable_part(part)
        wanted = new = folder + name
        if not is_file and fold(new) in _ARCHIVE_FILES:
            wanted = new = numbered(new, 2)
            reason = TAKEN
        owner = self._given.get(fold(new)) if self._given else None
        if reason is None and (owner is None or owner == stored):
            return new
        number = self._numbers.get(fold(wanted), 1)
        new = wanted if number == 1 else numbered(wanted, number)
        while self._given.get(fold(new), stored) != stored or new in self._taken:
            number += 1
            new = numbered(wanted, number)
        self._numbers[fold(wanted)] = number
        self._given[fold(new)] = stored
        if not is_file:
            self._folders[stored] = new
        self.renamed.append(RenamedFile(path=new, was=printable(stored), reason=reason or TAKEN))
        return new
