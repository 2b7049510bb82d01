"""The file of a resumable upload. Its size is the offset of the upload, so that no crash can make the two differ."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from api.problems import Problem, not_found
from api.uploads.tus import Checksum


class LockedUploadFile:
    """The file of an upload, open for appending under an exclusive lock. Use it as a context manager.

    `api.uploads.shared_upload` has the same for uploads that several APIs continue.

    Args:
        path: The file.
        offset: Where the request says that the upload is, in bytes.
        length: The announced length of the whole upload, in bytes.
        checksum: The checksum of this request's body, if it has one.

    Raises:
        Problem: 404 if the file is missing, 423 if another request holds the lock, 409 if `offset` is not the file's
            size.
    """

    def __init__(self, path: Path, *, offset: int, length: int, checksum: Checksum | None = None) -> None:
        self._length, self._checksum = length, checksum
        self._start = offset
        self.sender: str | None = None  # only uploads that several APIs continue have one
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise not_found("upload") from None
        try:
            self.offset = self._lock(path, offset)
        except BaseException:
            os.close(self._fd)
            raise

    def _lock(self, path: Path, offset: int) -> int:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(self._fd), os.stat(path)):  # noqa: PTH116
                raise BlockingIOError
        except (BlockingIOError, FileNotFoundError):  # locked, or finished and removed between open and lock
            raise locked_elsewhere() from None
        size = os.fstat(self._fd).st_size
        if size != offset:
            raise wrong_offset(size, offset)
        os.lseek(self._fd, 0, os.SEEK_END)
        return size

    def write(self, data: bytes) -> None:
        """Append bytes. Raises Problem 413 if the upload would exceed its announced length."""
        if self.offset + len(data) > self._length:
            raise longer_than_announced(self._length)
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            self.offset += written
            view = view[written:]
        if self._checksum is not None:
            self._checksum.update(data)

    def commit(self) -> None:
        """Verify the checksum of the whole body, and flush it to the disk. Raises Problem 460."""
        if self._checksum is not None:
            self._checksum.verify()
        os.fsync(self._fd)

    def roll_back(self, error: BaseException) -> None:
        """Remove what this request appended if it cannot be trusted; else it stays, and the upload resumes after it.

        A body with a checksum is trusted as a whole only. A server that is killed may leave unverified bytes.

        Args:
            error: What ended the request.
        """
        if self._checksum is not None or (isinstance(error, Problem) and error.status == 413):
            os.ftruncate(self._fd, self._start)
            self.offset = self._start

    def collect(self) -> None:
        """Do nothing: the file has every byte that arrived."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)


def size_of(path: Path) -> int | None:
    """The size of an upload's file in bytes; None if the file is missing."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def locked_elsewhere() -> Problem:
    """A 423: another request holds the lock of the upload."""
    return Problem(423, "Another request is sending to this upload; try again when it has ended.", kind="locked")


def wrong_offset(found: int, offset: int) -> Problem:
    """A 409 that says where the upload is.

    Args:
        found: The offset of the upload in bytes.
        offset: That of the request.
    """
    detail = f"The upload is at offset {found}, not at {offset}."
    return Problem(409, detail, kind="wrong-offset", headers={"Upload-Offset": str(found)})


def longer_than_announced(length: int) -> Problem:
    """A 413: the upload has more than `length` bytes."""
    return Problem(413, f"The upload has more than the {length} bytes that Upload-Length announced.", kind="too-large")
