"""The directory of a zip: where it lies, how many entries it has, and whether it lists every byte of the file.

PKWARE APPNOTE 6.3, sections 4.3.7 to 4.3.16.
"""

import struct
import zipfile
from typing import BinaryIO

from core.errors import BadInput, NotAnArchive, UploadTooLarge
from core.filenames import printable
from core.ingest.archives.members import CHUNK_BYTES, NOT_AN_ARCHIVE
from core.ingest.archives.unpack_budget import names_too_long, too_many_files
from core.limits import Limits

MAX_EXTRA_BYTES = 64 << 20  # of all extra fields and comments in the directory together
TRUNCATED = "The zip is truncated or damaged; pack and upload it again."

_END = struct.Struct("<4s4H2LH")  # end of central directory record, without its comment
_END64 = struct.Struct("<4sQ2H2L4Q")  # zip64 end of central directory record
_LOCATOR64 = struct.Struct("<4sLQL")  # zip64 end of central directory locator
_ENTRY_BYTES = 46  # of a central directory record before its name, extra field and comment
_LOCAL = struct.Struct("<4s5H3L2H")  # local header before its name and extra field
_MAX_DESCRIPTOR_BYTES = 24  # that follow the content of an entry whose size was not known in front


def check_directory(file: BinaryIO, limits: Limits) -> None:
    """Refuse a central directory with too many entries or too much text, before zipfile reads all of it at once.

    Args:
        file: The zip.
        limits: The maximum that it may hold.

    Raises:
        NotAnArchive: This is no zip.
        BadInput: The zip is truncated or damaged, or holds too much.
    """
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
    tail, tail_offset, found = _end_record(file)
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


def refuse_unlisted_bytes(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Refuse a zip with bytes that its directory does not list, since images in them would vanish.

    Entries that share bytes are refused too: by such overlaps a small archive unpacks to petabytes.

    Args:
        file: The zip.
        archive: The same, opened.

    Raises:
        BadInput: Something lies before the first entry, between entries, or after the end.
    """
    end, last = 0, ""
    directory = archive.start_dir
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise BadInput(f"Entries of the zip overlap at “{printable(info.orig_filename)}”; pack it again.")
        _refuse_gap(file, end, info.header_offset, last)
        file.seek(info.header_offset + _LOCAL.size - 4)
        lengths = file.read(4)
        end = info.header_offset + _LOCAL.size + sum(struct.unpack("<2H", lengths.ljust(4, b"\0"))) + info.compress_size
        last = info.orig_filename
    _refuse_gap(file, end, directory, last)
    _refuse_trailing_bytes(file)


def _refuse_gap(file: BinaryIO, start: int, end: int, last: str) -> None:
    """Refuse bytes before the first entry, and an entry between two others that is not in the directory."""
    if start == 0 < end:
        raise BadInput(
            f"The zip has {end:,} bytes in front of its first file, such as another zip; unpack both and pack them as "
            "one."
        )
    if end - start <= _MAX_DESCRIPTOR_BYTES:
        return
    file.seek(start)
    rest, before = end - start, b""
    while rest > 0 and (chunk := file.read(min(rest, CHUNK_BYTES))):
        if b"PK\x03\x04" in before + chunk:
            raise BadInput(
                f"The zip holds a file after “{printable(last)}” that its directory does not list; pack it again."
            )
        rest, before = rest - len(chunk), chunk[-3:]


def _refuse_trailing_bytes(file: BinaryIO) -> None:
    """Refuse what follows the end of the directory; zeros and line ends are padding."""
    tail, _, found = _end_record(file)
    rest = tail[found + _END.size + _END.unpack_from(tail, found)[7] :]
    if rest.strip(b"\0\r\n"):
        raise BadInput(
            f"The zip has {len(rest):,} bytes after its end that are not part of it; pack everything as one zip."
        )


def _end_record(file: BinaryIO) -> tuple[bytes, int, int]:
    """The last bytes of a zip, where they begin, and where in them its end record begins."""
    file_size = file.seek(0, 2)
    tail_offset = max(0, file_size - _END.size - 0xFFFF)
    file.seek(tail_offset)
    tail = file.read()
    without_comment = tail[-_END.size :].startswith(b"PK\x05\x06") and tail.endswith(b"\0\0")
    found = len(tail) - _END.size if without_comment else tail.rfind(b"PK\x05\x06")
    if found < 0 or found + _END.size > len(tail):
        raise BadInput(TRUNCATED) if file_size >= _END.size else NotAnArchive(NOT_AN_ARCHIVE)
    return tail, tail_offset, found
