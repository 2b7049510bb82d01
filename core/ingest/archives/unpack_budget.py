"""The budget for unpacking: limits on files, bytes and compression ratio, checked while bytes come out."""

from collections.abc import Iterator

from core.errors import BadInput, UploadTooLarge
from core.filenames import printable
from core.limits import Limits, readable_bytes


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


def names_too_long(limits: Limits) -> UploadTooLarge:
    """The error for a source whose names are longer together than `limits` allows."""
    maximum = readable_bytes(limits.name_bytes)
    return UploadTooLarge(f"The names of the files have more than {maximum} together; shorten them.")
