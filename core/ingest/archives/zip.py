"""The files of a zip, as `core.ingest.archives.reader` wants them."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import BinaryIO

from core.errors import BadInput, NotAnArchive, UploadTooLarge
from core.filenames import clean, shown
from core.ingest.archives.reader import CHUNK, NO_ARCHIVE, Member, NameFilter, UnpackBudget, drain
from core.limits import Limits

DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, UnicodeError, ValueError, OverflowError,
    NotImplementedError, RuntimeError,
)  # fmt: skip
TRUNCATED = "The zip is truncated or damaged; pack and upload it again."

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_ENTRY = 46  # bytes of a central directory record before its three strings


def zip_members(source: Path, limits: Limits, sieve: NameFilter) -> Iterator[Member]:
    """The regular files of a zip in the order of its directory; see core.ingest.archives.reader.open_members."""
    watch = UnpackBudget(limits, packed=source.stat().st_size)
    with source.open("rb") as file:
        if _count_entries(file, most=2 * limits.files) > 2 * limits.files:  # folders are entries, too
            raise UploadTooLarge(f"There are more than {limits.files:,} files; send several smaller datasets.")
        try:
            archive = zipfile.ZipFile(file)
        except DAMAGED as error:
            raise BadInput(TRUNCATED) from error
        with archive:
            infos = archive.infolist()
            _refuse_overlaps(infos)
            for info in infos:
                path = clean(_name(info))
                if not path or _is_folder(info):
                    continue
                _refuse_unreadable(info, path)
                if sieve.keeps(path):
                    watch.count_file(path, info.file_size)
                    yield Member(path=path, size=info.file_size, chunks=_unpacker(archive, info, path, limits, watch))


def _unpacker(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, limits: Limits, watch: UnpackBudget
) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        unlimited = copy(info)
        unlimited.file_size = limits.file_bytes + 1  # else the reader stops at what is declared, and a lie passes
        try:
            with archive.open(unlimited) as opened:
                while piece := opened.read(CHUNK):
                    yield piece
        except DAMAGED as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"The zip is damaged at “{shown(path)}”; pack and upload it again.", shown(path)) from error

    return lambda: drain(path, info.file_size, pieces(), watch)


def _name(info: zipfile.ZipInfo) -> str:
    """The name as stored; UTF-8 without its flag, as many tools write it, is still read as UTF-8."""
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
        raise BadInput(f"“{shown(path)}” is a link; pack the files themselves.", shown(path))
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadInput(f"“{shown(path)}” is a device or other special file; pack regular files only.", shown(path))
    if info.flag_bits & (0x1 | 0x40 | 0x2000):
        raise BadInput(f"“{shown(path)}” is encrypted; pack it without a password.", shown(path))
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadInput(
            f"“{shown(path)}” is packed by a method that is not read here; use plain zip (deflate).", shown(path)
        )


def _refuse_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    """Entries that share bytes are how small archives unpack to petabytes."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise BadInput(f"Entries of the zip overlap at “{shown(info.orig_filename)}”; pack it again.")
        end = info.header_offset + 30 + info.compress_size


def _count_entries(file: BinaryIO, most: int) -> int:
    """How many entries the directory of a zip has, counted to one over `most`, before anything is allocated."""
    start, size = _directory(file)
    count = 0
    position = start
    while position + _ENTRY <= start + size and count <= most:
        file.seek(position)
        record = file.read(_ENTRY)
        if len(record) < _ENTRY or record[:4] != b"PK\x01\x02":
            raise BadInput(TRUNCATED)
        position += _ENTRY + sum(struct.unpack_from("<3H", record, 28))
        count += 1
    file.seek(0)
    return count


def _directory(file: BinaryIO) -> tuple[int, int]:
    """Where the directory of a zip starts, and its size in bytes (PKWARE's APPNOTE, 4.3.14 to 4.3.16)."""
    end = file.seek(0, 2)
    tail_at = max(0, end - _END.size - 0xFFFF)
    file.seek(tail_at)
    tail = file.read()
    plain = tail[-_END.size :].startswith(b"PK\x05\x06") and tail.endswith(b"\0\0")
    found = len(tail) - _END.size if plain else tail.rfind(b"PK\x05\x06")
    if found < 0 or found + _END.size > len(tail):
        raise BadInput(TRUNCATED) if end >= _END.size else NotAnArchive(NO_ARCHIVE)
    fields = _END.unpack_from(tail, found)
    size, at = fields[5], tail_at + found
    if at >= _LOCATOR.size:
        file.seek(at - _LOCATOR.size)
        if _LOCATOR.unpack(file.read(_LOCATOR.size))[0] == b"PK\x06\x07" and at >= _LOCATOR.size + _END64.size:
            file.seek(at - _LOCATOR.size - _END64.size)
            record = _END64.unpack(file.read(_END64.size))
            if record[0] == b"PK\x06\x06":
                size, at = record[8], at - _LOCATOR.size - _END64.size
    if size > at:
        raise BadInput(TRUNCATED)
    return at - size, size
