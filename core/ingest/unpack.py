"""Write the files of an archive to disk under generated names: a name inside the archive never becomes a path."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.ingest.archives.members import NameFilter
from core.ingest.archives.reader import open_members
from core.limits import Limits, SkippedFile

FILES_PER_FOLDER = 1000


@dataclass(frozen=True, slots=True)
class UnpackedFile:
    """One file of an upload: its path there, where it lies on disk, and its size in bytes."""

    path: str
    disk_path: Path
    bytes: int


def unpack(
    source: Path, target: Path, limits: Limits, on_bytes: Callable[[int], None] | None = None
) -> tuple[tuple[UnpackedFile, ...], tuple[SkippedFile, ...]]:
    """Unpack an archive.

    Args:
        source: A zip, tar, tar.gz, tar.xz, or a folder, whose files stay where they are.
        target: The folder to unpack to; made if it is missing.
        limits: The maximum that the source may hold.
        on_bytes: Called with the number of bytes of each chunk written; may raise to stop.

    Returns:
        The files in the order of the source, and those that were skipped.

    Raises:
        BadInput: The upload cannot be used as a whole.
        OSError: The source cannot be read, or the target cannot be written.
    """
    name_filter = NameFilter(limits)
    files: list[UnpackedFile] = []
    for number, member in enumerate(open_members(source, limits, name_filter)):
        if member.file is not None:
            files.append(UnpackedFile(member.path, member.file, member.size))
            continue
        folder = target / f"{number // FILES_PER_FOLDER:05d}"
        if number % FILES_PER_FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{number % FILES_PER_FOLDER:03d}"
        with file.open("xb") as out:
            for chunk in member.chunks():
                out.write(chunk)
                if on_bytes is not None:
                    on_bytes(len(chunk))
        files.append(UnpackedFile(member.path, file, member.size))
    return tuple(files), tuple(name_filter.skipped)
