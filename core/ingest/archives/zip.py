"""The regular files of a zip, in the order of its central directory."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import BinaryIO

from core.errors import BadInput, NotAnArchive, UploadTooLarge
from core.filenames import normalize_path, printable
from core.ingest.archives.members import CHUNK_BYTES, NOT_AN_ARCHIVE, Member, NameFilter, link_error, special_file_error
from core.ingest.archives.unpack_budget import UnpackBudget, checked_chunks, names_too_long, too_many_files
from core.limits import Limits

ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, UnicodeError, ValueError, OverflowError,
    NotImplementedError, RuntimeError,
)  # fmt: skip
MAX_EXTRA_BYTES = 64 << 20  # of all extra fields and comments in the directory together
TRUNCATED = "The zip is truncated or damaged; pack and upload it again."

_END = struct.Struct("<4s4H2LH")  # end of central directory record, without its comment
_END64 = struct.Struct("<4sQ2H2L4Q")  # zip64 end of central directory record
_LOCATOR64 = struct.Struct("<4sLQL")  # zip64 end of central directory locator
_ENTRY_BYTES = 46  # of a central directory record before its name, extra field and comment


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
        _check_directory(file, limits)
        try:
            archive = zipfile.ZipFile(file)
        except ZIP_ERRORS as error:
            raise BadInput(TRUNCATED) from error
        with archive:
            infos = archive.infolist()
            _refuse_overlaps(infos)
            for info in infos:
                path = normalize_path(stored_name(info))
                if not path or _is_folder(info):
                    continue
                _refuse_unreadable(info, path)
                if name_filter.accepts(path):
                    budget.count_file(path, info.file_size)
                    yield Member(
                        path=path, size=info.file_size, chunks=_member_chunks(archive, info, path, limits, budget)
                    )


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


def stored_name(info: zipfile.ZipInfo) -> str:
    """The name as stored. Many tools write UTF-8 without setting its flag, so UTF-8 is tried first."""
    name = info.orig_filename
    if info.flag_bits & 0x800 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.orig_filename.endswith(("/", "\\")) and info.file_size == 0


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


def _refuse_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    """Refuse entries that share bytes: by such overlaps a small archive unpacks to petabytes."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise BadInput(f"Entries of the zip overlap at “{printable(info.orig_filename)}”; pack it again.")
        end = info.header_offset + 30 + info.compress_size


def _check_directory(file: BinaryIO, limits: Limits) -> None:
    """Refuse a central directory with too many entries or too much text, before zipfile reads all of it at once."""
    start, size = _central_directory(file)
    maximum = 2 * limits.files  # folders are entries too
    entries = names = others = 0
    position = start
    while position + _ENTRY_BYTES <= start + size:
        file.seek(position)
        record = file.read(_ENTRY_BYTES)
        if len(record) < _ENTRY_BYTES or record[:4] != b"PK\x01\x02":
            raise BadInput(TRUNCATED)
        name, extra, comment = struct.unpack_from("<3H", record, 28)
        position += _ENTRY_BYTES + name + extra + comment
        entries, names, others = entries + 1, names + name, others + extra + comment
        if entries > maximum:
            raise too_many_files(limits)
        if names > 2 * limits.name_bytes:  # those of folders too
            raise names_too_long(limits)
        if others > MAX_EXTRA_BYTES:
            raise UploadTooLarge("The comments and extra fields of the zip are far too large; pack it again.")
    file.seek(0)


def _central_directory(file: BinaryIO) -> tuple[int, int]:
    """Offset and size in bytes of the central directory (PKWARE APPNOTE 6.3, sections 4.3.14 to 4.3.16)."""
    file_size = file.seek(0, 2)
    tail_offset = max(0, file_size - _END.size - 0xFFFF)
    file.seek(tail_offset)
    tail = file.read()
    without_comment = tail[-_END.size :].startswith(b"PK\x05\x06") and tail.endswith(b"\0\0")
    found = len(tail) - _END.size if without_comment else tail.rfind(b"PK\x05\x06")
    if found < 0 or found + _END.size > len(tail):
        raise BadInput(TRUNCATED) if file_size >= _END.size else NotAnArchive(NOT_AN_ARCHIVE)
    size, end = _END.unpack_from(tail, found)[5], tail_offset + found
    if end >= _LOCATOR64.size:
        file.seek(end - _LOCATOR64.size)
        if _LOCATOR64.unpack(file.read(_LOCATOR64.size))[0] == b"PK\x06\x07" and end >= _LOCATOR64.size + _END64.size:
            file.seek(end - _LOCATOR64.size - _END64.size)
            record = _END64.unpack(file.read(_END64.size))
            if record[0] == b"PK\x06\x06":
                size, end = record[8], end - _LOCATOR64.size - _END64.size
    if size > end:
        raise BadInput(TRUNCATED)
    return end - size, size
