"""What the images that a text names are called in the archive."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.ingest.labels.image_index import ImageIndex
from core.portable_names import fold

_SEPARATOR = re.compile(r"([/\\])")
_TOKEN = re.compile(r"""[^\s"'<>|*?,;()\[\]{}=#:&]+""")


@dataclass(frozen=True, slots=True)
class PathChange:
    """The path of an image as the upload has it, and its path in the archive."""

    stored: str
    delivered: str


@dataclass(frozen=True, slots=True)
class ImageNames:
    """The names of images, old and new.

    Attributes:
        index: Finds all images of the upload.
        changes: The paths of each image whose path changed, by its path in the dataset.
    """

    index: ImageIndex
    changes: Mapping[str, PathChange]

    def by_image(self, reference: str, image: str) -> str | None:
        """What a reference becomes; None if it stays.

        Args:
            reference: What a text says: a path, a name, or a name without extension.
            image: The path of the image that it means.
        """
        change = self.changes.get(image)
        new = None if change is None else _renamed(reference, change)
        return None if new == reference else new

    def by_name(self, reference: str, text_file: str) -> str | None:
        """What a name with its extension becomes; None if it stays, or means no image for certain.

        Args:
            reference: What a text says.
            text_file: The path of the text; images near it are preferred.
        """
        image = self.image_of(reference, text_file)
        return None if image is None else self.by_image(reference, image)

    def image_of(self, reference: str, text_file: str) -> str | None:
        """The path of the image that a name with its extension means; None if there is none, or it is an address.

        Args:
            reference: What a label file calls it.
            text_file: The path of that file: a name may be relative to its folder.
        """
        if "//" in reference:
            return None
        image = self.index.find(reference, text_file).path
        name = fold(_SEPARATOR.split(reference.strip())[-1])
        change = None if image is None else self.changes.get(image, PathChange(image, image))
        return image if change is not None and fold(change.stored.rpartition("/")[2]) == name else None

    def in_words(self, text: str, text_file: str) -> tuple[str, int]:
        """A text with the new names of images, and how many of its words changed.

        Args:
            text: Any text. A name with spaces in it is not found.
            text_file: Its path.
        """
        changed = 0

        def replace(found: re.Match[str]) -> str:
            nonlocal changed
            word = found[0].rstrip(".")
            new = self.by_name(word, text_file) if word else None
            changed += new is not None
            return found[0] if new is None else new + found[0][len(word) :]

        return _TOKEN.sub(replace, text), changed


def _renamed(reference: str, change: PathChange) -> str:
    """The reference with the new names of the image and of its folders. An id, which has no extension, gets none."""
    parts = _SEPARATOR.split(reference)  # names, with the separators between them
    names = [place for place in range(len(parts) - 1, -1, -2) if parts[place].strip()]
    old, new = change.stored.split("/")[::-1], change.delivered.split("/")[::-1]
    for number, place in enumerate(names[: len(old)]):
        name = parts[place].strip()
        if fold(name) == fold(old[number]):
            parts[place] = parts[place].replace(name, new[number])
        elif number == 0:
            parts[place] = parts[place].replace(name, new[0].rpartition(".")[0] or new[0])
        else:
            break
    return "".join(parts)
