"""Which folders of an upload hold images that do not belong to it, such as thumbnails, caches and deleted files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.errors import BadInput
from core.filenames import printable
from core.ingest.folder_names import left_out_meaning
from core.ingest.folder_tree import Folder, FolderTree
from core.portable_names import fold


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The images that are left out for the folder they lie in.

    Attributes:
        reasons: Why, by path.
        doubtful: What each folder looks like that may be left out, by path: "thumbnails", "a cache", "deleted files".
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    doubtful: Mapping[str, str] = field(default_factory=dict)


def find_left_out(images: Sequence[str], requested: Iterable[str] | None) -> LeftOut:
    """The images that are left out.

    Args:
        images: The paths of all images.
        requested: The folders to leave out; None for those that look so by their names.

    Raises:
        BadInput: A requested folder holds no image, or no image would be left.
    """
    doubtful = _doubtful_folders(images)
    if requested is None:
        reasons = {path: f"“{folder}” looks like {doubtful[folder]}" for path, folder in _inside(images, doubtful)}
        return LeftOut({} if len(reasons) * 3 > 2 * len(images) else reasons, doubtful)
    wanted = {fold(name.strip("/")): name.strip("/") for name in requested}
    inside = dict(_inside(images, wanted.values()))
    for name in wanted.values():
        if name not in inside.values():
            raise BadInput(
                f"No image lies in “{printable(name)}”, which is to be left out; name a folder of the upload."
            )
    if len(inside) == len(images):
        raise BadInput("All images lie in folders that are to be left out; leave out fewer.")
    return LeftOut({path: f"“{folder}” was to be left out" for path, folder in inside.items()}, doubtful)


def _doubtful_folders(images: Sequence[str]) -> dict[str, str]:
    tree, found = FolderTree(images), dict[str, str]()
    pending: list[Folder] = [()]
    while pending:
        children = tree.children(pending.pop())
        siblings = frozenset(child[-1] for child in children)
        for child in children:
            meaning = left_out_meaning(child[-1], siblings)
            if meaning is None:
                pending.append(child)
            else:
                found["/".join(child)] = meaning
    return found


def _inside(images: Iterable[str], folders: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Each image that lies in one of some folders, with the folder."""
    by_name = {fold(folder): folder for folder in folders}
    if not by_name:
        return
    for path in images:
        place = path.find("/")
        while place >= 0:
            if (folder := by_name.get(fold(path[:place]))) is not None:
                yield path, folder
                break
            place = path.find("/", place + 1)
