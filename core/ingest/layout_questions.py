"""What is in doubt about the folders of an upload, as questions that a person can answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.ingest.album_names import is_album_name
from core.ingest.class_layout import ClassLayout, group_names, listed
from core.ingest.folder_names import split_of
from core.ingest.folder_tree import Folder, FolderTree
from core.ingest.left_out import LeftOut
from core.portable_names import fold

LEAVE_OUT, KEEP = "leave_out", "keep"
MAX_FOLDERS = 20  # that one question names
SPLIT, PART = ("a split", "splits"), ("a part of a dataset", "parts of one dataset")
CLASS, ALBUM = ("a class", "classes"), ("a part of an album", "parts of an album")
OUTSIDE = ("no part of the dataset", "no part of the dataset")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutQuestion:
    """Something that folder names leave in doubt.

    Attributes:
        question: What was seen, as a sentence.
        folders: The folders that it is about, as paths in the upload.
        images: The number of images in them.
        understood: What is done unless the user chooses otherwise, one of `options`.
        options: What the user may choose: layouts; or "leave_out" and "keep" for the images of these folders.
    """

    question: str
    folders: tuple[str, ...]
    images: int
    understood: str
    options: tuple[str, ...]


def ask(
    images: Sequence[str],
    layouts: Mapping[str, ClassLayout],
    left_out: LeftOut,
    *,
    kind: str,
    fitting: Iterable[str],
) -> tuple[LayoutQuestion, ...]:
    """The questions about an upload; none if nothing is in doubt.

    Args:
        images: The paths of all images.
        layouts: The layouts by folders, "splits" and "classes".
        left_out: The folders that look as if their images do not belong to the upload.
        kind: The layout that is used.
        fitting: The layouts that fit.
    """
    tree, options = FolderTree(images), tuple(one for one in ("splits", "classes", "album", "labels") if one in fitting)
    return (*_about_layout(tree, layouts, kind, options), *_about_left_out(tree, left_out))


def _about_layout(
    tree: FolderTree, layouts: Mapping[str, ClassLayout], kind: str, options: tuple[str, ...]
) -> Iterator[LayoutQuestion]:
    top = [folder for root in sorted(layouts["classes"].roots) for folder in tree.children(root)]
    groups, names = sorted(layouts["splits"].groups), group_names(layouts["splits"])
    stated = [folder for folder in top if split_of(folder[-1]) is not None]
    about, text = top, ""
    if kind == "splits" and groups:
        about, text = groups, f"{_look_like(names, _meaning(names))}{_flat_note(tree, groups)}."
    elif kind == "splits":
        text = "Each folder looks like a split and a class in one."
    elif kind == "album" and len(top) > 1:
        text = f"{_look_like(_last(top), ALBUM)}, and not like classes."
        if len(stated) == len(top):
            text = f"{_look_like(_last(top), SPLIT)}, but there are no class folders in them."
    elif kind == "classes" and stated:
        about = stated
        text = f"{_look_like(_last(stated), SPLIT)}, but the folders beside do not, so each folder is a class."
    elif kind == "classes" and (dated := [folder for folder in top if is_album_name(folder[-1])]):
        about = dated
        text = f"{_look_like(_last(dated), ALBUM)}, but there are folders of classes beside, so each folder is a class."
    elif kind == "classes" and _alike(tree, groups):
        about = groups
        text = f"{_look_like(names, CLASS)}, but the same folders lie in each: they may be parts of one dataset."
    if text:
        yield _question(tree, text, about, understood=kind, options=options)
    if kind in layouts and (beside := _beside(tree, layouts[kind])):
        text = f"{_look_like(_last(beside), OUTSIDE)}. The images are protected, without a class."
        yield _question(tree, text, beside, understood=KEEP, options=(KEEP, LEAVE_OUT))


def _meaning(names: Sequence[str]) -> tuple[str, str]:
    return SPLIT if all(split_of(name) for name in names) else PART


def _flat_note(tree: FolderTree, groups: Sequence[Folder]) -> str:
    flat = [group[-1] for group in groups if not tree.children(group)]
    return f", but {listed(flat)} without class folders, so the images there have no class" if flat else ""


def _about_left_out(tree: FolderTree, left_out: LeftOut) -> Iterator[LayoutQuestion]:
    for meaning in dict.fromkeys(left_out.doubtful.values()):
        folders = [tuple(path.split("/")) for path, one in left_out.doubtful.items() if one == meaning]
        inside = tuple(f"{'/'.join(folder)}/" for folder in folders)
        understood = LEAVE_OUT if any(path.startswith(inside) for path in left_out.reasons) else KEEP
        text = f"{_look_like(_last(folders), (meaning, meaning))}."
        yield _question(tree, text, folders, understood=understood, options=(LEAVE_OUT, KEEP))


def _question(
    tree: FolderTree, text: str, folders: Sequence[Folder], *, understood: str, options: tuple[str, ...]
) -> LayoutQuestion:
    return LayoutQuestion(
        question=text,
        folders=tuple("/".join(folder) for folder in folders[:MAX_FOLDERS]),
        images=sum(tree.total[folder] for folder in folders),
        understood=understood,
        options=options,
    )


def _look_like(names: Sequence[str], meaning: tuple[str, str]) -> str:
    """What folders look like, as one folder and as several, for the begin of a sentence."""
    if len(names) == 1:
        return f"The folder “{names[0]}” looks like {meaning[0]}"
    return f"These {len(names):,} folders look like {meaning[1]}: {listed(names)}"


def _last(folders: Iterable[Folder]) -> list[str]:
    return [*dict.fromkeys(folder[-1] for folder in folders)]


def _beside(tree: FolderTree, layout: ClassLayout) -> list[Folder]:
    """The folders that lie outside of those that hold the classes."""
    above = {root[:depth] for root in layout.roots for depth in range(len(root) + 1)}
    return [child for folder in sorted(above - layout.roots) for child in tree.children(folder) if child not in above]


def _alike(tree: FolderTree, folders: Sequence[Folder]) -> bool:
    """Whether the same folders, at least two, lie in each."""
    inside = [{fold(child[-1]) for child in tree.children(folder)} for folder in folders]
    return len(inside) > 1 and len(set.intersection(*inside)) > 1
