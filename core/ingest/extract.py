"""Unpack a few files of an upload, without the others."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from core.ingest.archives.members import NameFilter
from core.ingest.archives.reader import is_zip, open_members
from core.limits import Limits


def extract_files(source: Path, paths: Sequence[str], target: Path, limits: Limits) -> dict[str, Path]:
    """Unpack some files of an upload under generated names.

    Args:
        source: A zip, tar, tar.gz, tar.xz or folder.
        paths: The normalized paths of the wanted files.
        target: An existing folder to unpack to. Files of a folder stay where they are.
        limits: The maximum that the source may hold.

    Returns:
        Where each file lies on disk, by its path; a file that is not in the source is left out.

    Raises:
        BadInput: The source cannot be used as a whole.
        OSError: The source cannot be read, or the target cannot be written.
    """
    wanted, found = set(paths), dict[str, Path]()
    may_skip = not source.is_file() or is_zip(source)  # a tar is one stream: what is skipped must be read
    for member in open_members(source, limits, NameFilter(limits)):
        if member.path not in wanted:
            if not may_skip:
                deque(member.chunks(), maxlen=0)
            continue
        if member.file is not None:
            found[member.path] = member.file
            continue
        file = target / f"{len(found):05d}"
        with file.open("xb") as out:
            deque(map(out.write, member.chunks()), maxlen=0)
        found[member.path] = file
        if len(found) == len(wanted):
            break
    return found
