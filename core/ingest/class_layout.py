"""Which class and which split a picture belongs to, told by the folders it lies in.

`[wrapper/…]class/[…]file`, or `[wrapper/…]split/class/[…]file` with a split named train, test, val or alike. A folder
with the name of a split is a class like any other (the vehicle) unless every folder beside it is one too, or both a
training and a testing split are there.
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
    """Where a picture belongs; `label` is None for one that lies in no class folder."""

    label: str | None
    split: Split | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How many leading folders wrap the whole, and the folder names (if any) that are splits."""

    wrapper: int
    splits: frozenset[str]

    def place(self, path: str) -> ImagePlacement:
        """The class and split of one picture, by its name alone."""
        parts = path.split("/")[self.wrapper :]
        if self.splits:
            if len(parts) < 3 or parts[0] not in self.splits:
                return ImagePlacement(None, None)
            return ImagePlacement(parts[1], SPLITS[parts[0].lower()])
        return ImagePlacement(parts[0], None) if len(parts) > 1 else ImagePlacement(None, None)


def find_layout(pictures: Iterable[str]) -> Layout:
    """The layout of a tree, from the names of all its pictures."""
    tops = [path.split("/") for path in pictures]
    wrapper = 0
    while tops and len({parts[0] for parts in tops}) == 1 and any(len(parts) > 2 for parts in tops):
        splits = _splits(tops)
        if splits:
            return Layout(wrapper=wrapper, splits=splits)
        tops = [parts[1:] for parts in tops]
        wrapper += 1
    return Layout(wrapper=wrapper, splits=_splits(tops))


def _splits(tops: list[list[str]]) -> frozenset[str]:
    """The first folders that are splits, of pictures' names in parts; none where they are classes."""
    folders = {parts[0] for parts in tops if len(parts) > 1}
    named = frozenset(f for f in folders if f.lower() in SPLITS)
    deep = {parts[0] for parts in tops if len(parts) > 2}
    kinds = {SPLITS[f.lower()] for f in named}
    return named if named and named <= deep and (named == folders or len(kinds) == 2) else frozenset()


def class_names(pictures: Iterable[str]) -> tuple[str, ...]:
    """The classes of a tree in sorted order, from the names of its pictures."""
    paths = list(pictures)
    layout = find_layout(paths)
    return tuple(sorted({place.label for place in map(layout.place, paths) if place.label is not None}))
