"""Check an upload without decoding an image: is it complete and safe, and are there images in it?

Uses the standard library only, so that the API can call it. Memory is bounded; the time is that of unpacking once,
without writing.
"""

from collections import deque
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput
from core.filenames import is_image
from core.ingest.archives.members import NameFilter
from core.ingest.archives.reader import open_members
from core.limits import DEFAULT_LIMITS, Limits, SkippedFile

FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF"


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
        images: Number of files with an image's extension.
        bytes: Sum of the sizes of all entries.
        skipped: The files that are skipped for their names.
    """

    entries: tuple[Entry, ...]
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
    name_filter = NameFilter(limits)
    entries: list[Entry] = []
    for member in open_members(source, limits, name_filter):
        if member.file is None:
            deque(member.chunks(), maxlen=0)
        entries.append(Entry(member.path, member.size))
    images = sum(is_image(entry.path) for entry in entries)
    check_content(len(entries) + len(name_filter.skipped), images)
    return Inspection(
        entries=tuple(entries),
        images=images,
        bytes=sum(entry.bytes for entry in entries),
        skipped=tuple(name_filter.skipped),
    )


def check_content(files: int, images: int) -> None:
    """Check that there are images.

    Args:
        files: Number of files in the upload, skipped ones included.
        images: Number of files with an image's extension.

    Raises:
        BadInput: There are no files or no images.
    """
    if not files:
        raise BadInput(f"There is nothing inside; send images ({FORMATS}).")
    if not images:
        raise BadInput(f"There are no images inside; send images ({FORMATS}).")
