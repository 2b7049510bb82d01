"""The folders of an upload as a tree that is counted once. Imports nothing of ours but the folding of names."""

from collections import Counter
from collections.abc import Iterable

from core.portable_names import fold

Folder = tuple[str, ...]
"""The names of a folder and of those above it, from the root, which is ()."""
MAX_DEPTH = 16
"""Folders that lie deeper count as the one above them: they name no class."""


class FolderTree:
    """The folders that hold images.

    Args:
        images: The paths of all images.
    """

    def __init__(self, images: Iterable[str]) -> None:
        self.direct: Counter[Folder] = Counter(tuple(path.split("/")[:-1][:MAX_DEPTH]) for path in images)
        """The number of images that lie in a folder itself."""
        self.total: Counter[Folder] = Counter()
        """The number of images in a folder and below it."""
        self._children: dict[Folder, set[str]] = {}
        for folder, count in self.direct.items():
            for depth in range(len(folder) + 1):
                self.total[folder[:depth]] += count
                if depth < len(folder):
                    self._children.setdefault(folder[:depth], set()).add(folder[depth])

    def children(self, folder: Folder) -> list[Folder]:
        """The folders directly inside a folder, in the order of their names."""
        return [(*folder, name) for name in sorted(self._children.get(folder, ()))]

    def folded_children(self, folders: Iterable[Folder]) -> dict[str, list[Folder]]:
        """The folders directly inside several folders, by their folded names."""
        found: dict[str, list[Folder]] = {}
        for folder in folders:
            for child in self.children(folder):
                found.setdefault(fold(child[-1]), []).append(child)
        return found
