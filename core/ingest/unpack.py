"""Write the files of an archive to disk under generated names: a name inside the archive never becomes a path."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.ingest.archives.members import Member, NameFilter
from core.ingest.archives.reader import open_members
from core.limits import Limits, RenamedFile, SkippedFile

FILES_PER_FOLDER = 1000


@dataclass(frozen=True, slots=True)
class UnpackedFile:
    """One file of an upload.

    Attributes:
        path: Its path there, with portable names.
        disk_path: Where it lies on disk.
        bytes: Its size.
        stored_path: Its path as the upload has it; None if it is the same.
    """

    path: str
    disk_path: Path
    bytes: int
    stored_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackedUpload:
    """What was unpacked.

    Attributes:
        files: The files in the order of the source.
        skipped: The files that were skipped for their names.
        renamed: The files and folders that have another path here than in the source.
        notes: What is worth knowing of the names, a sentence each.
    """

    files: tuple[UnpackedFile, ...]
    skipped: tuple[SkippedFile, ...]
    renamed: tuple[RenamedFile, ...] = ()
    notes: tuple[str, ...] = ()


def unpack(source: Path, target: Path, limits: Limits, on_bytes: Callable[[int], None] | None = None) -> UnpackedUpload:
    """Unpack an archive.

    Args:
        source: A zip, tar, tar.gz, tar.xz, or a folder, whose files stay where they are.
        target: The folder to unpack to; made if it is missing.
        limits: The maximum that the source may hold.
        on_bytes: Called with the number of bytes of each chunk written; may raise to stop.

    Raises:
        BadInput: The upload cannot be used as a whole.
        OSError: The source cannot be read, or the target cannot be written.
    """
    name_filter = NameFilter(limits)
    files: list[UnpackedFile] = []
    for number, member in enumerate(open_members(source, limits, name_filter)):
        if member.file is not None:
            files.append(_unpacked(member, member.file))
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
        files.append(_unpacked(member, file))
    return UnpackedUpload(
        files=tuple(files),
        skipped=tuple(name_filter.skipped),
        renamed=tuple(name_filter.renamed),
        notes=(*name_filter.notes, *_note_on_names(name_filter.renamed)),
    )


def _note_on_names(renamed: Sequence[RenamedFile]) -> Iterable[str]:
    if renamed:
        first, count = renamed[0], len(renamed)
        others = f"{count:,} files or folders have other names" if count > 1 else "One file or folder has another name"
        yield f"{others} than in the upload: “{first.was}” is now “{first.path}”, because {first.reason}."


def _unpacked(member: Member, file: Path) -> UnpackedFile:
    stored_path = None if member.stored_path == member.path else member.stored_path
    return UnpackedFile(member.path, file, member.size, stored_path)
