"""Which sibling folders are splits or parts of one dataset, so that the classes lie inside of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.ingest.folder_names import Split, is_aside, is_container, is_group, is_weak_split, joined_split, split_of
from core.ingest.folder_tree import Folder, FolderTree
from core.portable_names import fold

Groups = dict[Folder, Split | None]
SMALL_SHARE = 10  # a folder with fewer than this part of the images may be no split and no class


@dataclass(frozen=True, slots=True)
class _Siblings:
    """Folders side by side, by folded name.

    Attributes:
        folders: The folders of each name.
        splits: The split that a name states.
        inside: The folded names of the folders inside of each.
        images: The number of images in each.
    """

    folders: Mapping[str, list[Folder]]
    splits: Mapping[str, Split]
    inside: Mapping[str, frozenset[str]]
    images: Mapping[str, int]

    def groups(self, names: Sequence[str]) -> Groups:
        """These folders, with their splits."""
        return {folder: self.splits.get(name) for name in names for folder in self.folders[name]}


def find_groups(tree: FolderTree, roots: Sequence[Folder], *, forced: bool = False) -> Groups:
    """The folders inside some folders that are splits or parts; empty if they are classes.

    Args:
        tree: The folders of the upload.
        roots: The folders to look into.
        forced: Whether the folders are splits whatever their names, if there are folders inside.
    """
    siblings = _siblings(tree, roots)
    names, deep = [*siblings.folders], [name for name in siblings.folders if siblings.inside[name]]
    if not deep:
        return {}
    if forced:
        return {} if have_inner_splits(tree, siblings.folders) else siblings.groups(names)
    if siblings.splits:
        return _named_splits(siblings)
    if len(deep) < 2 or not all(is_aside(name) for name in names if name not in deep):
        return {}
    if not _share_folders(siblings.inside, deep):
        return {}
    parts = all(map(is_group, deep)) or _are_domains([siblings.inside[name] for name in deep])
    return siblings.groups(deep) if parts else {}


def _siblings(tree: FolderTree, roots: Sequence[Folder]) -> _Siblings:
    folders = tree.folded_children(roots)
    stated = {name: split for name, several in folders.items() if (split := split_of(several[0][-1])) is not None}
    weak = {name for name in stated if is_weak_split(folders[name][0][-1])}
    clear = {split for name, split in stated.items() if name not in weak}
    return _Siblings(
        folders=folders,
        splits={name: split for name, split in stated.items() if name not in weak or clear - {split}},
        inside={name: _names_inside(tree, several) for name, several in folders.items()},
        images={name: sum(tree.total[folder] for folder in several) for name, several in folders.items()},
    )


def _names_inside(tree: FolderTree, folders: Sequence[Folder]) -> frozenset[str]:
    """The folded names of the folders inside, or inside of the only one that says nothing, such as "images"."""
    inside = tree.folded_children(folders)
    if len(inside) == 1 and all(map(is_container, inside)):
        below = tree.folded_children(next(iter(inside.values())))
        return frozenset(below or inside)
    return frozenset(inside)


def _are_domains(inside: Sequence[frozenset[str]]) -> bool:
    """Whether folders are the places or styles that each class was taken in: a few folders with the same many classes.

    Fewer folders inside than folders are more likely the views of each class.
    """
    names = frozenset().union(*inside)
    shared = frozenset.intersection(*inside)
    if any(name.isdecimal() or is_group(name) or split_of(name) is not None for name in names):
        return False
    return len(shared) > len(inside) and 2 * len(shared) >= len(names)


def _named_splits(siblings: _Siblings) -> Groups:
    """The splits by name, with the folders beside them that hold the same classes."""
    splits, others = [*siblings.splits], [name for name in siblings.folders if name not in siblings.splits]
    inside = frozenset().union(*(siblings.inside[name] for name in splits))
    if not inside:
        return {}
    alike = [name for name in others if _overlap(siblings.inside[name], inside)]
    if not others or len({*siblings.splits.values()}) == 2:
        return siblings.groups([*splits, *alike])
    total = sum(siblings.images.values())
    strays = [
        name
        for name in others
        if not siblings.inside[name]
        and len(inside) > 1
        and (is_aside(name) or SMALL_SHARE * siblings.images[name] < total)
    ]
    return siblings.groups([*splits, *alike]) if len(alike) + len(strays) == len(others) else {}


def _overlap(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether at least half of the names of one set are in the other."""
    return bool(one) and 2 * len(one & other) >= min(len(one), len(other))


def _share_folders(inside: Mapping[str, frozenset[str]], names: Sequence[str]) -> bool:
    """Whether at least two, and at least half, of the folders inside some folders occur in several of them."""
    counts = Counter(folder for name in names for folder in inside[name])
    shared = sum(count > 1 for count in counts.values())
    return shared >= 2 and 2 * shared >= len(counts)


def have_inner_splits(tree: FolderTree, classes: Mapping[str, Sequence[Folder]]) -> bool:
    """Whether the folders inside the classes are splits, both for training and for testing.

    Args:
        tree: The folders of the upload.
        classes: The folders of each class, by folded name.
    """
    inside = {folder[-1] for several in classes.values() for one in several for folder in tree.children(one)}
    stated = {split_of(name) for name in inside}
    return stated == {"train", "test"}


def have_joined_splits(classes: Mapping[str, Sequence[Folder]]) -> bool:
    """Whether each folder names a split and a class, as train_cat and test_cat do.

    Args:
        classes: The folders of each class, by folded name.
    """
    joined = [joined_split(several[0][-1]) for several in classes.values()]
    if len(joined) < 4 or any(one is None for one in joined):
        return False
    sides: dict[Split, set[str]] = {"train": set(), "test": set()}
    for one in joined:
        if one is not None:
            sides[one[0]].add(fold(one[1]))
    return len(sides["train"] & sides["test"]) >= 2
