"""The class and the split of an image, taken from the folders it lies in.

The layout is `[wrapper/…]class/[…]file`, or `[wrapper/…]split/class/[…]file` with a split named train, test, val or
similar. A folder with the name of a split is still a class (as the vehicle "train" is) unless every folder beside it is
a split too, or there is both a training and a test split.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "test"]

SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "test",
    "valid": "test",
    "validation": "test",
}


@dataclass(frozen=True, slots=True)
class ImagePlacement:
    """The class and the split of an image; `label` is None if it lies in no class folder."""

    label: str | None
    split: Split | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLayout:
    """How folders name classes and splits.

    Attributes:
        wrapper_depth: Number of leading folders that all images share and that mean nothing.
        splits: The folders below them that are splits; empty if there is no split.
    """

    wrapper_depth: int
    splits: frozenset[str]

    def place(self, path: str) -> ImagePlacement:
        """The class and the split of the image with this path."""
        parts = path.split("/")[self.wrapper_depth :]
        if self.splits:
            if len(parts) < 3 or parts[0] not in self.splits:
                return ImagePlacement(None, None)
            return ImagePlacement(parts[1], SPLITS[parts[0].lower()])
        return ImagePlacement(parts[0], None) if len(parts) > 1 else ImagePlacement(None, None)


def find_layout(images: Iterable[str]) -> ClassLayout:
    """The layout of a folder tree, from the paths of all its images."""
    paths = [path.split("/") for path in images]
    depth = 0
    while paths and len({parts[0] for parts in paths}) == 1 and any(len(parts) > 2 for parts in paths):
        splits = _splits(paths)
        if splits:
            return ClassLayout(wrapper_depth=depth, splits=splits)
        paths = [parts[1:] for parts in paths]
        depth += 1
    return ClassLayout(wrapper_depth=depth, splits=_splits(paths))


def _splits(paths: list[list[str]]) -> frozenset[str]:
    """The first folders that are splits; empty if they are classes."""
    folders = {parts[0] for parts in paths if len(parts) > 1}
    named = frozenset(f for f in folders if f.lower() in SPLITS)
    with_subfolders = {parts[0] for parts in paths if len(parts) > 2}
    kinds = {SPLITS[f.lower()] for f in named}
    return named if named and named <= with_subfolders and (named == folders or len(kinds) == 2) else frozenset()


def class_names(images: Iterable[str]) -> tuple[str, ...]:
    """The names of the classes in sorted order, from the paths of all images."""
    paths = list(images)
    layout = find_layout(paths)
    return tuple(sorted({place.label for place in map(layout.place, paths) if place.label is not None}))
