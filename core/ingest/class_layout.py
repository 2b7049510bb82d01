"""The class and the split of an image, taken from the folders it lies in.

The layout is `[wrapper/…]class/[…]file`, or `[wrapper/…]split/class/[…]file` with a split named train, test, val or
similar. A folder with the name of a split is still a class (as the vehicle "train" is) unless every folder beside it is
a split too, or there is both a training and a test split. Where the folders name no classes the images are one album.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.ingest.album_names import is_album_name, is_device_name

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
SHOWN_FOLDERS = 3  # in a reason


@dataclass(frozen=True, slots=True)
class ImagePlacement:
    """The class and the split of an image; `label` is None if it lies in no class folder."""

    label: str | None
    split: Split | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLayout:
    """How folders name classes and splits.

    Attributes:
        wrapper: The leading folders that nearly all images share and that mean nothing.
        splits: The folders below them that are splits; empty if there is no split.
    """

    wrapper: tuple[str, ...]
    splits: frozenset[str]

    def place(self, path: str) -> ImagePlacement:
        """The class and the split of the image with this path."""
        parts = path.split("/")
        if tuple(parts[: len(self.wrapper)]) != self.wrapper:
            return ImagePlacement(None, None)
        parts = parts[len(self.wrapper) :]
        if self.splits:
            if len(parts) < 3 or parts[0] not in self.splits:
                return ImagePlacement(None, None)
            return ImagePlacement(parts[1], SPLITS[parts[0].lower()])
        return ImagePlacement(parts[0], None) if len(parts) > 1 else ImagePlacement(None, None)


def find_layout(images: Iterable[str], *, with_splits: bool = True) -> ClassLayout:
    """The layout of a folder tree, from the paths of all its images.

    Args:
        images: The paths.
        with_splits: Whether folders with the names of splits may be splits; without this they are classes.
    """
    paths = [path.split("/") for path in images]
    wrapper: tuple[str, ...] = ()
    while True:
        splits = _splits(paths) if with_splits else frozenset()
        inside = [parts for parts in paths if len(parts) > 1]
        shared = len({parts[0] for parts in inside}) == 1 and 2 * len(inside) > len(paths)
        if splits or not shared or not any(len(parts) > 2 for parts in inside):
            return ClassLayout(wrapper=wrapper, splits=splits)
        wrapper += (inside[0][0],)
        paths = [parts[1:] for parts in inside]


def _splits(paths: list[list[str]]) -> frozenset[str]:
    """The first folders that are splits; empty if they are classes."""
    folders = {parts[0] for parts in paths if len(parts) > 1}
    named = frozenset(f for f in folders if f.lower() in SPLITS)
    with_subfolders = {parts[0] for parts in paths if len(parts) > 2}
    kinds = {SPLITS[f.lower()] for f in named}
    return named if named and named <= with_subfolders and (named == folders or len(kinds) == 2) else frozenset()


def album_reason(images: Sequence[str], layout: ClassLayout) -> str | None:
    """Why the folders name no classes, so that the images are one album; None if they name classes.

    Args:
        images: The paths of all images.
        layout: Their layout.

    Returns:
        A sentence for the user.
    """
    if layout.splits:
        return None
    below = [parts[len(layout.wrapper) :] for path in images if _is_below(parts := path.split("/"), layout.wrapper)]
    folders = Counter(parts[0] for parts in below if len(parts) > 1)
    loose = len(images) - sum(folders.values())
    if len(images) == 1:
        return "There is one image."
    if not folders:
        return "The images lie side by side, in no folders."
    if 2 * loose > len(images):
        return "Most of the images lie loose, beside the folders."
    if len(folders) == 1:
        return f"All images lie in one folder, {_listed(folders)}."
    if all(folder.lower() in SPLITS for folder in folders):
        return f"The folders have the names of splits ({_listed(folders)}), and no class folders in them."
    of_album = [parts for parts in below if len(parts) > 1 and _is_album_path(parts)]
    if 2 * len(of_album) >= sum(folders.values()):
        named = _listed(dict.fromkeys(_album_folder(parts) for parts in of_album))
        return f"Most folders are named by a date, a camera, a phone or an app ({named}), not by what the images show."
    if 2 * sum(count == 1 for count in folders.values()) > len(folders):
        return "Most folders hold a single image, and one image makes no class."
    return None


def _is_below(parts: list[str], wrapper: tuple[str, ...]) -> bool:
    return tuple(parts[: len(wrapper)]) == wrapper


def _is_album_path(parts: list[str]) -> bool:
    return is_album_name(parts[0]) or any(map(is_device_name, parts[1:-1]))


def _album_folder(parts: list[str]) -> str:
    return parts[0] if is_album_name(parts[0]) else next(filter(is_device_name, parts[1:-1]))


def _listed(folders: Iterable[str]) -> str:
    names = sorted(folders)
    displayed = ", ".join(f"“{name}”" for name in names[:SHOWN_FOLDERS])
    return displayed if len(names) <= SHOWN_FOLDERS else f"{displayed} and {len(names) - SHOWN_FOLDERS:,} more"


def album_name(layout: ClassLayout, images: Sequence[str]) -> str | None:
    """The name of the folder that holds a whole album; None if there is none, or if its name is a date or a device's.

    Args:
        layout: The layout of the folders.
        images: The paths of all images.
    """
    folders = [*layout.wrapper]
    below = {path.split("/")[len(folders)] if path.count("/") > len(folders) else "" for path in images}
    if len(below) == 1:
        folders += below - {""}
    named = [folder for folder in folders if not is_album_name(folder) and folder.lower() not in SPLITS]
    return named[-1] if named else None
