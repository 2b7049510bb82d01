"""Check an upload without decoding an image: is it complete and safe, and are there images in it?

Needs no imaging library, so that the API can call it. Memory is bounded; the time is that of unpacking once,
without writing.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput
from core.filenames import is_image
from core.ingest.archives.members import Member, NameFilter
from core.ingest.archives.reader import open_members
from core.ingest.content import HEAD_BYTES, IMAGE, content_of
from core.limits import DEFAULT_LIMITS, Limits, SkippedFile

FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF"


@dataclass(frozen=True, slots=True)
class Entry:
    """One regular file of an upload: its normalized path and its size in bytes."""

    path: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What an upload holds, by names, sizes and first bytes.

    Attributes:
        entries: The files that are used.
        images: Number of files that are images by their extension or their first bytes.
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
    images = 0
    for member in open_members(source, limits, name_filter):
        images += _read_member(member)
        entries.append(Entry(member.path, member.size))
    check_content(len(entries), images, name_filter.skipped)
    return Inspection(
        entries=tuple(entries),
        images=images,
        bytes=sum(entry.bytes for entry in entries),
        skipped=tuple(name_filter.skipped),
    )


def _read_member(member: Member) -> bool:
    """Read a packed file to its end; returns whether it is an image."""
    known = is_image(member.path)
    if member.file is not None and known:
        return True
    chunks = member.chunks()
    head = next(chunks, b"")[:HEAD_BYTES]
    if member.file is None:
        deque(chunks, maxlen=0)
    return known or content_of(member.path, head) is IMAGE


def check_content(files: int, images: int, skipped: Sequence[SkippedFile]) -> None:
    """Check that there are images.

    Args:
        files: Number of files in the upload that are used.
        images: Number of files among them that are images by their extension or their first bytes.
        skipped: The files that are skipped for their names.

    Raises:
        BadInput: There are no files or no images.
    """
    if not images and (hidden := [one for one in skipped if is_image(one.path)]):
        raise BadInput(
            f"There are no images inside but those that are left out, such as “{hidden[0].path}”: {hidden[0].reason}. "
            "Rename what hides them, and pack them again."
        )
    if not files and not skipped:
        raise BadInput(f"There is nothing inside; send images ({FORMATS}).")
    if not images:
        raise BadInput(f"There are no images inside; send images ({FORMATS}).")
