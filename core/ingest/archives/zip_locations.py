"""Where each file of a zip lies, so that single files can be read later without unpacking the zip."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.errors import BadInput
from core.ingest.archives.members import NameFilter
from core.ingest.archives.zip import ZIP_ERRORS, named_entries

_LOCAL_HEADER_BYTES = 30


@dataclass(frozen=True, slots=True)
class ZipLocation:
    """Where the bytes of one file lie in a zip.

    Attributes:
        start: Their first byte in the zip.
        packed: How many bytes they are in the zip.
        size: How many bytes they are unpacked.
        deflated: Whether they are compressed by deflate; else they are stored as they are.
    """

    start: int
    packed: int
    size: int
    deflated: bool


def locate_files(source: Path) -> dict[str, ZipLocation]:
    """Find the files of a zip.

    Args:
        source: A zip that was read without an error before.

    Returns:
        The location of each file by its path, with portable names; empty if this is no zip.
    """
    try:
        with source.open("rb") as file, zipfile.ZipFile(file) as archive:
            return {
                path: ZipLocation(
                    start=_data_offset(file, info),
                    packed=info.compress_size,
                    size=info.file_size,
                    deflated=info.compress_type == zipfile.ZIP_DEFLATED,
                )
                for info, _, path in named_entries(archive, NameFilter())
            }
    except (BadInput, *ZIP_ERRORS):
        return {}


def _data_offset(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """The data follows the local header, whose name and extra field may have other lengths than the directory's."""
    file.seek(info.header_offset + _LOCAL_HEADER_BYTES - 4)
    lengths = file.read(4)
    if len(lengths) < 4:
        raise zipfile.BadZipFile("truncated")
    name, extra = int.from_bytes(lengths[:2], "little"), int.from_bytes(lengths[2:], "little")
    return info.header_offset + _LOCAL_HEADER_BYTES + name + extra
