"""Write the files of an archive to disk under names of our own: what an archive calls them never becomes a path."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.ingest.archives.reader import NameFilter, open_members
from core.limits import Limits, SkippedFile

PER_FOLDER = 1000


@dataclass(frozen=True, slots=True)
class Unpacked:
    """One file of an upload: its name there, where it lies now, and its size in bytes."""

    path: str
    file: Path
    bytes: int


def unpack(
    source: Path, into: Path, limits: Limits, on_bytes: Callable[[int], None] | None = None
) -> tuple[tuple[Unpacked, ...], tuple[SkippedFile, ...]]:
    """Unpack an archive below `into` (a folder source stays where it is); returns its files, and what was left out.

    `on_bytes` hears how many bytes came with each piece, and may raise to stop. Raises BadInput as
    core.ingest.inspection does.
    """
    sieve = NameFilter()
    files: list[Unpacked] = []
    for number, member in enumerate(open_members(source, limits, sieve)):
        if member.file is not None:
            files.append(Unpacked(member.path, member.file, member.size))
            continue
        folder = into / f"{number // PER_FOLDER:05d}"
        if number % PER_FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{number % PER_FOLDER:03d}"
        with file.open("xb") as out:
            for piece in member.chunks():
                out.write(piece)
                if on_bytes is not None:
                    on_bytes(len(piece))
        files.append(Unpacked(member.path, file, member.size))
    return tuple(files), tuple(sieve.skipped)
