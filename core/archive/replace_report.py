"""Put another report into a complete archive. The files before the report keep their bytes and their places."""

import json
import zipfile
from collections.abc import Callable, Mapping
from itertools import takewhile
from pathlib import Path

from core.archive.zip_writer import CHUNK_BYTES, ZipWriter
from core.runtime.atomic_files import atomic_file

MANIFEST = "MANIFEST.json"


def replace_report(archive: Path, files: Mapping[str, str], *, tick: Callable[[], None]) -> int:
    """Replace the report of an archive, and its entries in the manifest, by writing a new archive in its place.

    Args:
        archive: A complete archive, whose last files are its report and its manifest.
        files: The text of each file of the report by its path.
        tick: Called after each chunk; may raise to stop, and then the old archive stays.

    Returns:
        How many first bytes the old and the new archive have in common: those of all the other files.
    """
    with (
        archive.open("rb") as old,
        zipfile.ZipFile(old) as source,
        atomic_file(archive) as part,
    ):
        with zipfile.ZipFile(part, "w", strict_timestamps=True) as target:
            for info in source.infolist():
                if info.filename not in (*files, MANIFEST):
                    _copy(source, info, target, tick)
            manifest = json.loads(source.read(MANIFEST))
            writer = ZipWriter(target)
            writer.records = [record for record in manifest["files"] if record["path"] not in files]
            for name, text in files.items():
                writer.add(name, text.encode())
            text = json.dumps(manifest | {"files": writer.records}, indent=1, ensure_ascii=False)
            writer.add_unrecorded(MANIFEST, text.encode())
        return _common_bytes(archive, part, tick)


def _copy(source: zipfile.ZipFile, info: zipfile.ZipInfo, target: zipfile.ZipFile, tick: Callable[[], None]) -> None:
    """Copy one file with the same header."""
    same = zipfile.ZipInfo(info.filename, info.date_time)
    same.compress_type, same.create_system, same.external_attr = (
        info.compress_type,
        info.create_system,
        info.external_attr,
    )
    same.file_size = info.file_size
    with source.open(info) as file, target.open(same, "w") as copy:
        while chunk := file.read(CHUNK_BYTES):
            copy.write(chunk)
            tick()


def _common_bytes(one: Path, other: Path, tick: Callable[[], None]) -> int:
    """How many first bytes two files have in common."""
    common = 0
    with one.open("rb") as a, other.open("rb") as b:
        while True:
            tick()
            first, second = a.read(CHUNK_BYTES), b.read(CHUNK_BYTES)
            if first != second or not first:
                same = takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
                return common + sum(1 for _ in same)
            common += len(first)
