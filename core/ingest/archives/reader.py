"""Archives and folders as one stream of files, within limits, whatever a hostile archive declares.

Nothing is written and no image is decoded here. Unpacking really reads every declared byte, so truncated archives and
wrong headers are found. Memory stays bounded for any input.
"""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import BadInput
from core.filenames import name_of_single_image, printable
from core.ingest.archives.members import CHUNK_BYTES, Member, NameFilter
from core.ingest.archives.tar import tar_members
from core.ingest.archives.unpack_budget import UnpackBudget
from core.ingest.archives.zip import zip_members
from core.ingest.content import is_image_content
from core.limits import Limits, SkippedFile

ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")


def open_members(source: Path, limits: Limits, name_filter: NameFilter) -> Iterator[Member]:
    """Iterate over the regular files of an archive or a folder.

    Args:
        source: A zip, tar, tar.gz, tar.xz or one image, told by its content, or a folder.
        limits: The maximum that the source may hold.
        name_filter: Selects the files by name and collects those that are skipped.

    Raises:
        BadInput: The source cannot be used. Raised at the latest when the iteration reaches the bad member.
        OSError: The source cannot be read from disk.
    """
    if source.is_dir():
        return folder_members(source, limits, name_filter)
    with source.open("rb") as file:
        head = file.read(512)
    if not head:
        raise BadInput("The file is empty; send the images as a zip, tar, tar.gz or tar.xz.")
    if head.startswith(ZIP_SIGNATURES):
        return zip_members(source, limits, name_filter)
    if head.startswith(b"PK\x07\x08"):
        raise BadInput("The zip is split into several parts; pack it as one file.")
    if is_image_content(head):
        return _single_member(source, limits, name_filter)
    return tar_members(source, limits, name_filter, head)


def is_zip(source: Path) -> bool:
    """Whether `open_members` reads this file as a zip."""
    with source.open("rb") as file:
        return file.read(4).startswith(ZIP_SIGNATURES)


def folder_members(source: Path, limits: Limits, name_filter: NameFilter) -> Iterator[Member]:
    """Iterate over the files of a folder in sorted order; links and special files are skipped, never followed.

    Args:
        source: The folder.
        limits: The maximum that it may hold.
        name_filter: Selects the files by name and collects those that are skipped.

    Raises:
        BadInput: Two names collide, an archive lies inside, or a limit is exceeded.
        OSError: A folder cannot be read.
    """
    budget = UnpackBudget(limits, packed=None)
    pending = [source]
    while pending:
        subfolders: list[Path] = []
        for file in sorted(pending.pop().iterdir()):
            path = file.relative_to(source).as_posix().replace("\\", "/")
            status = file.lstat()
            if stat.S_ISDIR(status.st_mode):
                subfolders.append(file)
            elif not stat.S_ISREG(status.st_mode):
                kind = "a link; links are not followed" if stat.S_ISLNK(status.st_mode) else "not a regular file"
                name_filter.skipped.append(SkippedFile(printable(path), kind))
            elif (new := name_filter.admit(path)) is not None:
                budget.count_file(path, status.st_size)
                budget.count_bytes(status.st_size)
                yield Member(path=new, stored_path=path, size=status.st_size, chunks=_file_chunks(file), file=file)
        pending += reversed(subfolders)


def _single_member(source: Path, limits: Limits, name_filter: NameFilter) -> Iterator[Member]:
    size, name = source.stat().st_size, name_of_single_image(source.name)
    budget = UnpackBudget(limits, packed=None)
    if (path := name_filter.admit(name)) is not None:
        budget.count_file(name, size)
        budget.count_bytes(size)
        yield Member(path=path, stored_path=name, size=size, chunks=_file_chunks(source), file=source)


def _file_chunks(file: Path) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        with file.open("rb") as opened:
            while chunk := opened.read(CHUNK_BYTES):
                yield chunk

    return read
