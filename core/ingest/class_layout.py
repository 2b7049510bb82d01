"""The class and the split of an image, taken from the folders it lies in.

The layout is `[wrapper/…]class/[…]file`, or `[wrapper/…]split/[container/]class/[…]file`, by the conventions in
`core.ingest.folder_names`. A name alone decides nothing: a folder with the name of a split is still a class (as the
vehicle "train" is) unless the folders beside it are splits too, or hold the same folders. Where the folders name no
classes the images are one album.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.ingest.album_names import is_album_name, is_device_name
from core.ingest.folder_groups import find_groups, have_inner_splits, have_joined_splits
from core.ingest.folder_names import Split, is_aside, is_container, joined_split, split_of
from core.ingest.folder_tree import Folder, FolderTree
from core.portable_names import fold

SHOWN_FOLDERS = 3  # in a reason
STRAY_SHARE = 10  # folders with fewer than this part of the images may lie beside the dataset's own folder


@dataclass(frozen=True, slots=True)
class ImagePlacement:
    """The class and the split of an image; `label` is None if it lies in no class folder."""

    label: str | None
    split: Split | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLayout:
    """How folders name classes and splits.

    Attributes:
        roots: The folders whose subfolders are the classes. Images outside of them have no class.
        groups: The split by folder, for the folders that are splits or parts; None for one that names neither training
            nor testing. Empty if there are none.
        inner_splits: Whether the splits lie inside the classes, as in cat/train.
        joined_splits: Whether each folder names a split and a class, as train_cat does.
    """

    roots: frozenset[Folder]
    groups: Mapping[Folder, Split | None]
    inner_splits: bool = False
    joined_splits: bool = False

    def root_of(self, path: str) -> Folder | None:
        """The folder that holds the class folder of an image; None if it lies outside of all."""
        parts = tuple(path.split("/"))
        return next((parts[:depth] for depth in range(len(parts)) if parts[:depth] in self.roots), None)

    def below(self, path: str) -> tuple[str, ...] | None:
        """The part of an image's path below the folder of the classes; None if it lies outside."""
        root = self.root_of(path)
        return None if root is None else tuple(path.split("/")[len(root) :])

    def place(self, path: str) -> ImagePlacement:
        """The class and the split of the image with this path."""
        below = self.below(path)
        if below is None:
            return ImagePlacement(None, self._group_split(path))
        split = self._group_split(path)
        if len(below) == 1:
            return ImagePlacement(None, split)
        label = below[0]
        if self.joined_splits and (joined := joined_split(label)) is not None:
            return ImagePlacement(joined[1], joined[0])
        if self.inner_splits and len(below) > 2:
            split = split_of(below[1])
        return ImagePlacement(label, split)

    @property
    def has_splits(self) -> bool:
        """Whether there are folders for splits or parts of the dataset around the classes."""
        return bool(self.groups) or self.joined_splits

    def _group_split(self, path: str) -> Split | None:
        if not self.groups:
            return None
        parts = tuple(path.split("/"))
        found = (self.groups[parts[:depth]] for depth in range(len(parts)) if parts[:depth] in self.groups)
        return next(found, None)


def find_layout(images: Iterable[str], *, with_splits: bool = True, forced: bool = False) -> ClassLayout:
    """The layout of a folder tree, from the paths of all its images.

    Args:
        images: The paths.
        with_splits: Whether folders may be splits; without this they are classes.
        forced: Whether the folders are splits whatever their names, if there are folders inside.
    """
    tree = FolderTree(images)
    roots, groups = _descend(tree, with_splits=with_splits, forced=False)
    if forced and not groups:
        roots, groups = _descend(tree, with_splits=True, forced=True)
    classes = tree.folded_children(roots)
    return ClassLayout(
        roots=frozenset(roots),
        groups=groups,
        inner_splits=not groups and have_inner_splits(tree, classes),
        joined_splits=with_splits and not groups and have_joined_splits(classes),
    )


def _descend(tree: FolderTree, *, with_splits: bool, forced: bool) -> tuple[list[Folder], dict[Folder, Split | None]]:
    """The folders of the classes, and the splits, from the root down through folders that mean nothing."""
    roots: list[Folder] = [()]
    groups: dict[Folder, Split | None] = {}
    while True:
        if with_splits and not groups and (found := find_groups(tree, roots)):
            groups, roots = found, [*found]
            continue
        inner = _wrapper(tree, roots, in_groups=bool(groups))
        if inner is not None:
            roots = inner
        elif forced and not groups and (found := find_groups(tree, roots, forced=True)):
            groups, roots = found, [*found]
        else:
            return roots, groups


def _wrapper(tree: FolderTree, roots: list[Folder], *, in_groups: bool) -> list[Folder] | None:
    """The folders to go down into, because they only wrap the classes; None if their parents hold the classes."""
    named = tree.folded_children(roots)
    folders = [folder for several in named.values() for folder in several]
    deeper = any(tree.children(folder) for folder in folders)
    inside, loose = sum(tree.total[folder] for folder in folders), sum(tree.direct[root] for root in roots)
    if not named:
        return None
    flat = [root for root in roots if in_groups and not tree.children(root)]
    if len(named) == 1 and in_groups and (deeper or is_container(folders[0][-1])):
        return [*folders, *flat]
    if len(named) == 1:
        return folders if deeper and 2 * inside > inside + loose else None
    if all(map(is_container, named)):
        return [*folders, *flat]
    return None if in_groups else _main_folder(tree, named, inside)


def _main_folder(tree: FolderTree, named: Mapping[str, list[Folder]], inside: int) -> list[Folder] | None:
    """The folder of the dataset, beside which only a few images lie that do not belong to it."""
    main = max(named, key=lambda name: sum(tree.total[folder] for folder in named[name]))
    others = [folder for name, several in named.items() if name != main for folder in several]
    stray = sum(tree.total[folder] for folder in others)
    if len(tree.folded_children(named[main])) < 2 or any(map(tree.children, others)) or STRAY_SHARE * stray >= inside:
        return None
    few = stray <= max(1, inside // 200)
    return named[main] if few or all(is_aside(one[-1]) for one in others) or is_container(main) else None


def album_reason(images: Sequence[str], layout: ClassLayout) -> str | None:
    """Why the folders name no classes, so that the images are one album; None if they name classes.

    Args:
        images: The paths of all images.
        layout: Their layout.

    Returns:
        A sentence for the user.
    """
    if layout.has_splits:
        return None
    below = [parts for path in images if (parts := layout.below(path)) is not None]
    folders = Counter(parts[0] for parts in below if len(parts) > 1)
    if len(images) == 1:
        return "There is one image."
    if not folders:
        wrapped = any(layout.roots) and any("/" in path for path in images)
        return _container_reason(layout) if wrapped else "The images lie side by side, in no folders."
    if 2 * sum(folders.values()) < len(images):
        return "Most of the images lie loose, beside the folders."
    if len(folders) == 1:
        return f"All images lie in one folder, {listed(folders)}."
    if all(split_of(folder) for folder in folders):
        return f"The folders have the names of splits ({listed(folders)}), and no class folders in them."
    of_album = [parts for parts in below if len(parts) > 1 and _is_album_path(parts)]
    if 2 * len(of_album) >= sum(folders.values()):
        named = listed(dict.fromkeys(_album_folder(parts) for parts in of_album))
        return f"Most folders are named by a date, a camera, a phone or an app ({named}), not by what the images show."
    if 2 * sum(count == 1 for count in folders.values()) > len(folders):
        return "Most folders hold a single image, and one image makes no class."
    return None


def _container_reason(layout: ClassLayout) -> str:
    names = dict.fromkeys(root[-1] for root in sorted(layout.roots) if root)
    return f"The folders say only what lies in them ({listed(names)}), not what the images show."


def _is_album_path(parts: Sequence[str]) -> bool:
    return is_album_name(parts[0]) or any(map(is_device_name, parts[1:-1]))


def _album_folder(parts: Sequence[str]) -> str:
    return parts[0] if is_album_name(parts[0]) else next(filter(is_device_name, parts[1:-1]))


def listed(folders: Iterable[str]) -> str:
    """The names of folders, for a sentence: the first ones, and how many more there are."""
    names = sorted(folders)
    displayed = ", ".join(f"“{name}”" for name in names[:SHOWN_FOLDERS])
    return displayed if len(names) <= SHOWN_FOLDERS else f"{displayed} and {len(names) - SHOWN_FOLDERS:,} more"


def album_name(layout: ClassLayout, images: Sequence[str]) -> str | None:
    """The name of the folder that holds a whole album; None if there is none, or if its name is a date or a device's.

    Args:
        layout: The layout of the folders.
        images: The paths of all images.
    """
    folders = list(next(iter(layout.roots))) if len(layout.roots) == 1 else []
    below = [parts for path in images if (parts := layout.below(path)) is not None]
    first = {parts[0] if len(parts) > 1 else "" for parts in below}
    if len(first) == 1:
        folders += first - {""}
    named = [folder for folder in folders if not is_album_name(folder) and split_of(folder) is None]
    return named[-1] if named else None


def group_names(layout: ClassLayout) -> list[str]:
    """The names of the folders that are splits or parts, each once, in the order of the paths."""
    return [*{fold(folder[-1]): folder[-1] for folder in sorted(layout.groups, reverse=True)}.values()][::-1]
