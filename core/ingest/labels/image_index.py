"""Which image of an upload a label file means: by its path, the end of it, its name, or its name without extension."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.portable_names import fold

MAX_CANDIDATES = 100  # images of one name that are compared; with more the reference counts as ambiguous


@dataclass(frozen=True, slots=True)
class Match:
    """What a reference means: `path` is None if it means no image, or several (`ambiguous`)."""

    path: str | None
    ambiguous: bool = False


NO_MATCH = Match(None)


class ImageIndex:
    """Finds images by the references of label files.

    Args:
        paths: The paths of all images of the upload.
        stored_paths: The path that label files know, for each image that has another one in the upload.
    """

    def __init__(self, paths: Iterable[str], stored_paths: Mapping[str, str] | None = None) -> None:
        self.paths, stored_paths = tuple(paths), stored_paths or {}
        self._by_path = {fold(path): path for path in self.paths}
        self._by_name: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for path in self.paths:
            folder, _, name = path.rpartition("/")
            stored_path = stored_paths.get(path, path)
            stored_name = stored_path.rpartition("/")[2]
            self._by_path.setdefault(fold(stored_path), path)
            self._by_path.setdefault(fold(f"{folder}/{stored_name}" if folder else stored_name), path)
            for one in {fold(name), fold(stored_name)}:
                self._by_name.setdefault(one, []).append(path)
                self._by_stem.setdefault(one.rpartition(".")[0], []).append(path)

    def find(self, reference: str, label_file: str) -> Match:
        """The image that a label file means.

        Args:
            reference: What the file says: a path, from wherever, or an id, which is a name without extension.
            label_file: The path of the label file in the upload; images near it are preferred.
        """
        parts = [part for part in fold(reference.strip().replace("\\", "/")).split("/") if part not in ("", ".", "..")]
        if not parts:
            return NO_MATCH
        wanted, folder = "/".join(parts), fold(label_file.rpartition("/")[0])
        exact = self._by_path.get(f"{folder}/{wanted}" if folder else wanted)
        if exact is not None:
            return Match(exact)
        candidates = self._by_name.get(parts[-1]) or self._by_stem.get(parts[-1]) or []
        if len(candidates) == 1:
            return Match(candidates[0])
        return self._nearest(candidates, parts, label_file)

    @staticmethod
    def _nearest(candidates: list[str], parts: list[str], label_file: str) -> Match:
        if len(candidates) > MAX_CANDIDATES:
            return Match(None, ambiguous=True)
        stem = fold(PurePosixPath(label_file).stem)
        near = {*fold(label_file).split("/")[:-1], stem, *re.split(r"[-_. ]", stem)}  # train.csv is near train/1.jpg
        ranked = [
            (_shared_end(fold(path), parts), len(near.intersection(fold(path).split("/")[:-1]))) for path in candidates
        ]
        best = [path for path, rank in zip(candidates, ranked, strict=True) if rank == max(ranked)]
        return Match(best[0]) if len(best) == 1 else Match(None, ambiguous=bool(best))


def _shared_end(path: str, parts: list[str]) -> int:
    """How many folders at the end of a path and of a reference are the same."""
    shared = 0
    for one, other in zip(reversed(path.split("/")[:-1]), reversed(parts[:-1]), strict=False):
        if one != other:
            break
        shared += 1
    return shared
