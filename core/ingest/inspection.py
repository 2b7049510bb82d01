"""Check an upload without decoding an image: is it complete, safe, and divided into classes?

Uses the standard library only, so that the API can call it. Memory is bounded; the time is that of unpacking once,
without writing.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput
from core.filenames import is_image
from core.ingest.archives.members import NameFilter
from core.ingest.archives.reader import open_members
from core.ingest.class_layout import class_names
from core.limits import DEFAULT_LIMITS, Limits, SkippedFile

FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF"
NEED_TWO_CLASSES = (
    "error-minimizing noise ties images to their class, so at least two class folders with images are needed."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One regular file of an upload: its normalized path and its size in bytes."""

    path: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What an upload holds, by names and sizes alone.

    Attributes:
        entries: The files that are used.
        classes: The class names in sorted order.
        images: Number of files with an image's extension.
        bytes: Sum of the sizes of all entries.
        skipped: The files that are skipped for their names.
    """

    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    images: int
    bytes: int
    skipped: tuple[SkippedFile, ...]


def inspect_upload(source: Path, limits: Limits = DEFAULT_LIMITS) -> Inspection:
    """Read an upload to its end and check it.

    Args:
        source: A zip, tar, tar.gz, tar.xz or folder.
        limits: The maximum that it may hold.

    Raises:
        BadInput: The upload cannot be used as a whole.
        OSError: The source cannot be read from disk.
    """
    name_filter = NameFilter()
    entries: list[Entry] = []
    for member in open_members(source, limits, name_filter):
        if member.file is None:
            deque(member.chunks(), maxlen=0)
        entries.append(Entry(member.path, member.size))
    images = [entry.path for entry in entries if is_image(entry.path)]
    check_content(len(entries) + len(name_filter.skipped), images)
    return Inspection(
        entries=tuple(entries),
        classes=class_names(images),
        images=len(images),
        bytes=sum(entry.bytes for entry in entries),
        skipped=tuple(name_filter.skipped),
    )


def check_content(files: int, images: Sequence[str]) -> None:
    """Check that there are images of at least two classes.

    Args:
        files: Number of files in the upload, skipped ones included.
        images: The paths of the files with an image's extension.

    Raises:
        BadInput: There are no files, no images, or images of fewer than two classes.
    """
    if not files:
        raise BadInput(f"There is nothing inside; send class folders with images ({FORMATS}).")
    if not images:
        raise BadInput(f"There are no images inside; send class folders with images ({FORMATS}).")
    classes = class_names(images)
    if len(classes) < 2:
        found = f"All images are of one class, “{classes[0]}”" if classes else "No image lies in a class folder"
        raise BadInput(f"{found}: {NEED_TWO_CLASSES}")
