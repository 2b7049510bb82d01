"""What every kind of source has in common: the member, the budget for unpacking, and the filter for names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput, UploadTooLarge
from core.filenames import UniquePaths, is_archive, printable, skipped_by_name
from core.limits import Limits, SkippedFile, readable_bytes

CHUNK_BYTES = 1 << 20
NOT_AN_ARCHIVE = "This is not an archive that can be read; send class folders as a zip, tar, tar.gz or tar.xz."


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One regular file of a source.

    Attributes:
        path: Its normalized path inside the source.
        size: Its declared size in bytes.
        chunks: Returns its bytes in pieces. Iterate over them at most once, and before the next member is requested.
        file: Where it lies on disk; None if it is packed in an archive.
    """

    path: str
    size: int
    chunks: Callable[[], Iterator[bytes]]
    file: Path | None = None


class UnpackBudget:
    """Counts the files and bytes that come out of a source, and refuses what exceeds the limits.

    Args:
        limits: The maximum of files, bytes and compression ratio.
        packed: Size of the archive in bytes; None for a folder, which has no compression ratio.
    """

    def __init__(self, limits: Limits, packed: int | None) -> None:
        self._limits = limits
        self._packed = packed
        self._bytes = 0
        self._files = 0

    def count_file(self, path: str, declared: int) -> None:
        """Count one file.

        Args:
            path: Its path, for the message.
            declared: Its declared size in bytes.

        Raises:
            UploadTooLarge: There are too many files, or this one is too large.
        """
        self._files += 1
        if self._files > self._limits.files:
            raise too_many_files(self._limits)
        if declared > self._limits.file_bytes:
            maximum = readable_bytes(self._limits.file_bytes)
            raise UploadTooLarge(
                f"“{printable(path)}” is larger than {maximum}, the maximum for one file.", printable(path)
            )

    def count_bytes(self, count: int) -> None:
        """Count unpacked bytes.

        Args:
            count: How many bytes were unpacked since the last call.

        Raises:
            UploadTooLarge: There are too many bytes, in total or for the size of the archive.
        """
        self._bytes += count
        if self._bytes > self._limits.bytes:
            raise UploadTooLarge(
                f"It unpacks to more than {readable_bytes(self._limits.bytes)}; send several smaller datasets."
            )
        if (
            self._packed is not None
            and self._bytes > self._limits.ratio_free_bytes
            and self._bytes > self._limits.ratio * self._packed
        ):
            raise UploadTooLarge(
                f"It unpacks to more than {self._limits.ratio} times its size, as archive bombs do; "
                "send the images without such padding."
            )


class NameFilter:
    """Decides by name which files are used; `skipped` lists the files that are not."""

    def __init__(self) -> None:
        self._unique = UniquePaths()
        self.skipped: list[SkippedFile] = []

    def accepts(self, path: str) -> bool:
        """Whether this file is used.

        Args:
            path: Its normalized path.

        Raises:
            BadInput: The path collides with an earlier one, or the file is an archive inside the archive.
        """
        skipped = skipped_by_name(path)
        if skipped is not None:
            self.skipped.append(skipped)
            return False
        self._unique.add(path)
        if is_archive(path):
            raise BadInput(f"There is another archive inside: “{printable(path)}”; unpack it first.", printable(path))
        return True


def checked_chunks(path: str, declared: int, chunks: Iterator[bytes], budget: UnpackBudget) -> Iterator[bytes]:
    """Pass on the chunks of one file and count them.

    Args:
        path: The file's path, for messages.
        declared: The size in bytes that the archive declares for it.
        chunks: Its unpacked bytes.
        budget: Counts the bytes.

    Raises:
        BadInput: The file is longer or shorter than declared.
        UploadTooLarge: The budget is exhausted.
    """
    unpacked = 0
    for chunk in chunks:
        unpacked += len(chunk)
        if unpacked > declared:
            raise BadInput(
                f"“{printable(path)}” unpacks to more than the {declared:,} bytes its archive declares; pack it again.",
                printable(path),
            )
        budget.count_bytes(len(chunk))
        yield chunk
    if unpacked != declared:
        raise BadInput(
            f"The archive is truncated: “{printable(path)}” ends after {unpacked:,} of {declared:,} bytes; "
            "upload it again.",
            printable(path),
        )


def too_many_files(limits: Limits) -> UploadTooLarge:
    """The error for a source with more files than `limits` allows."""
    return UploadTooLarge(f"There are more than {limits.files:,} files; send several smaller datasets.")


def link_error(path: str) -> BadInput:
    """The error for a member that is a symbolic or hard link."""
    return BadInput(f"“{printable(path)}” is a link; pack the files themselves.", printable(path))


def special_file_error(path: str) -> BadInput:
    """The error for a member that is a device, a FIFO or a socket."""
    return BadInput(f"“{printable(path)}” is a device or other special file; pack regular files only.", printable(path))
