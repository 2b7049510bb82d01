"""The regular files of a zip, in the order of its central directory."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path

from core.errors import BadInput
from core.filenames import is_junk, normalize_path, printable
from core.ingest.archives.members import CHUNK_BYTES, Member, NameFilter, link_error, special_file_error
from core.ingest.archives.unpack_budget import UnpackBudget, checked_chunks
from core.ingest.archives.zip_directory import TRUNCATED, check_directory, refuse_unlisted_bytes
from core.ingest.archives.zip_names import read_names
from core.limits import Limits

ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, UnicodeError, ValueError, OverflowError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


def zip_members(source: Path, limits: Limits, name_filter: NameFilter) -> Iterator[Member]:
    """Iterate over the regular files of a zip.

    Args:
        source: The zip.
        limits: The maximum that it may hold.
        name_filter: Selects the files by name and collects those that are skipped.

    Raises:
        NotAnArchive: This is no zip, though it begins like one.
        BadInput: The zip is truncated or damaged, holds a member that cannot be read, or exceeds a limit.
    """
    budget = UnpackBudget(limits, packed=source.stat().st_size)
    with source.open("rb") as file:
        check_directory(file, limits)
        try:
            archive = zipfile.ZipFile(file)
        except UnicodeDecodeError as error:
            raise BadInput("The zip has a name that is not the UTF-8 that it says; pack it again.") from error
        except ZIP_ERRORS as error:
            raise BadInput(TRUNCATED) from error
        with archive:
            refuse_unlisted_bytes(file, archive)
            for info, stored_path, path in named_entries(archive, name_filter):
                budget.count_file(path, info.file_size)
                chunks = _member_chunks(archive, info, path, limits, budget)
                yield Member(path=path, stored_path=stored_path, size=info.file_size, chunks=chunks)


def named_entries(archive: zipfile.ZipFile, name_filter: NameFilter) -> Iterator[tuple[zipfile.ZipInfo, str, str]]:
    """Iterate over the files of a zip that are used.

    Args:
        archive: The zip.
        name_filter: Selects the files by name, and takes a note on their encoding.

    Returns:
        Each entry, its path as stored, and its path with portable names.

    Raises:
        BadInput: A member cannot be read.
    """
    infos = archive.infolist()
    names = read_names(infos)
    if names.note is not None:
        name_filter.notes.append(names.note)
    for info, name in zip(infos, names.names, strict=True):
        stored_path = normalize_path(name)
        if not stored_path or (name.endswith(("/", "\\")) and info.file_size == 0):
            continue
        if not is_junk(stored_path):
            _refuse_unreadable(info, stored_path)
        path = name_filter.admit(stored_path)
        if path is not None:
            yield info, stored_path, path


def _member_chunks(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, limits: Limits, budget: UnpackBudget
) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        unlimited = copy(info)
        unlimited.file_size = limits.file_bytes + 1  # zipfile stops at the declared size; a wrong one would pass
        try:
            with archive.open(unlimited) as opened:
                while chunk := opened.read(CHUNK_BYTES):
                    yield chunk
        except ZIP_ERRORS as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(
                f"The zip is damaged at “{printable(path)}”; pack and upload it again.", printable(path)
            ) from error

    return lambda: checked_chunks(path, info.file_size, read(), budget)


def _refuse_unreadable(info: zipfile.ZipInfo, path: str) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise link_error(path)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise special_file_error(path)
    if info.flag_bits & (0x1 | 0x40 | 0x2000):
        raise BadInput(f"“{printable(path)}” is encrypted; pack it without a password.", printable(path))
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadInput(
            f"“{printable(path)}” is packed by a method that is not supported; pack it with plain zip (deflate).",
            printable(path),
        )
