"""What every kind of source has in common: the member, the budget for unpacking, and the filter for names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput, UploadTooLarge
from core.filenames import UniquePaths, is_archive, printable, skipped_by_name
from core.ingest.archives.portable_paths import PortablePaths
from core.ingest.archives.unpack_budget import names_too_long
from core.limits import DEFAULT_LIMITS, Limits, RenamedFile, SkippedFile

CHUNK_BYTES = 1 << 20
NOT_AN_ARCHIVE = "This is not an archive that can be read; send the images as a zip, tar, tar.gz or tar.xz."


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One regular file of a source.

    Attributes:
        path: Its normalized path inside the source, with portable names.
        stored_path: The same as the source has it.
        size: Its declared size in bytes.
        chunks: Returns its bytes in chunks. Iterate over them at most once, and before the next member is requested.
        file: Where it lies on disk; None if it is packed in an archive.
    """

    path: str
    stored_path: str
    size: int
    chunks: Callable[[], Iterator[bytes]]
    file: Path | None = None


class NameFilter:
    """Decides by name which files are used, and under which names.


    Args:
        limits: The maximum of all names together, so that no archive fills the memory with them.

    Attributes:
        skipped: The files that are not used.
        notes: What is worth knowing of the names, a sentence each.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._unique = UniquePaths()
        self._bytes = 0
        self._portable = PortablePaths(self._unique)
        self.skipped: list[SkippedFile] = []
        self.notes: list[str] = []

    @property
    def renamed(self) -> list[RenamedFile]:
        """The files and folders that have another name here than in the source."""
        return self._portable.renamed

    def admit(self, path: str) -> str | None:
        """The path under which a file is used; None if it is not used.

        Args:
            path: Its normalized path as the source has it.

        Raises:
            BadInput: The path collides with an earlier one, or the file is an archive inside the archive.
            UploadTooLarge: All names together are too long, or there are too many folders.
        """
        self._bytes += len(path.encode("utf-8", "surrogatepass"))
        if self._bytes > self._limits.name_bytes:
            raise names_too_long(self._limits)
        skipped = skipped_by_name(path) or self._skipped_by_depth(path)
        if skipped is not None:
            self.skipped.append(skipped)
            return None
        path = self._portable.rename(path)
        self._unique.add(path)
        if self._unique.folders > self._limits.files:
            raise UploadTooLarge(f"The files lie in more than {self._limits.files:,} folders; pack them in fewer.")
        if is_archive(path):
            raise BadInput(f"There is another archive inside: “{printable(path)}”; unpack it first.", printable(path))
        return path

    def _skipped_by_depth(self, path: str) -> SkippedFile | None:
        if path.count("/") <= self._limits.depth:
            return None
        return SkippedFile(printable(path), f"it lies more than {self._limits.depth} folders deep; move it up")


def link_error(path: str) -> BadInput:
    """The error for a member that is a symbolic or hard link."""
    return BadInput(f"“{printable(path)}” is a link; pack the files themselves.", printable(path))


def special_file_error(path: str) -> BadInput:
    """The error for a member that is a device, a FIFO or a socket."""
    return BadInput(f"“{printable(path)}” is a device or other special file; pack regular files only.", printable(path))
