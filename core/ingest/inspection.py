"""Look at every file of an upload without decoding a picture: is it whole, safe, and of the shape that is needed?

Standard library only, so that the API may call it. Memory is bounded; time is that of unpacking once, to nowhere.
"""

from collections import deque
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput
from core.filenames import is_picture
from core.ingest.archives.reader import NameFilter, open_members
from core.ingest.class_layout import class_names
from core.limits import Limits, SkippedFile

KINDS = "JPEG, PNG, WebP, AVIF, TIFF, BMP or GIF"
ONE_CLASS = (
    "error-minimizing noise ties pictures to their class, so at least two folders of pictures are needed, one a class."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One regular file of an upload: its path with forward slashes, and its size in bytes."""

    path: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What an upload holds, told by names and sizes alone; `images` counts files with a picture's name."""

    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    images: int
    bytes: int
    skipped: tuple[SkippedFile, ...]


DEFAULT = Limits()


def survey(source: Path, limits: Limits = DEFAULT) -> Inspection:
    """Survey an archive (zip, tar, tar.gz, tar.xz) or a folder.

    Raises BadInput with the reason for anything that is wrong as a whole; OSError where the source cannot be read.
    """
    sieve = NameFilter()
    entries: list[Entry] = []
    for member in open_members(source, limits, sieve):
        if member.file is None:
            deque(member.chunks(), maxlen=0)
        entries.append(Entry(member.path, member.size))
    pictures = [entry.path for entry in entries if is_picture(entry.path)]
    check_content(len(entries) + len(sieve.skipped), pictures)
    return Inspection(
        entries=tuple(entries),
        classes=class_names(pictures),
        images=len(pictures),
        bytes=sum(entry.bytes for entry in entries),
        skipped=tuple(sieve.skipped),
    )


def check_content(files: int, pictures: list[str]) -> None:
    """Raise BadInput unless these names are pictures of two classes or more."""
    if not files:
        raise BadInput(f"There is nothing inside; send class folders with pictures ({KINDS}).")
    if not pictures:
        raise BadInput(f"There are no pictures inside; send class folders with pictures ({KINDS}).")
    classes = class_names(pictures)
    if len(classes) < 2:
        found = f"All pictures are of one class, “{classes[0]}”" if classes else "No picture lies in a class folder"
        raise BadInput(f"{found}: {ONE_CLASS}")
