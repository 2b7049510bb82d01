"""The tus 1.0 protocol (https://tus.io/protocols/resumable-upload) without any web: headers, and the growing file.

The offset of an upload is the size of its file: nothing else has to be kept in step with it, whatever is killed when.
"""

import base64
import binascii
import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from api.problems import Problem

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration"
ALGORITHMS = ("sha1", "sha256", "md5")
BODY_TYPE = "application/offset+octet-stream"


def bad_request(detail: str) -> Problem:
    """A 400: the request does not follow the protocol."""
    return Problem(400, detail, kind="bad-tus-request")


def parse_number(value: str | None, header: str) -> int:
    """A header that is a whole number from 0 on. Raises Problem 400."""
    if value is None or not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise bad_request(f"{header} must be a whole number of bytes.")
    return int(value)


def parse_metadata(header: str | None) -> dict[str, str]:
    """`Upload-Metadata`: comma-listed keys with base64 values. Raises Problem 400."""
    found: dict[str, str] = {}
    for pair in (header or "").split(","):
        key, _, value = pair.strip().partition(" ")
        if not key:
            continue
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise bad_request(f"Upload-Metadata: the value of {key!r} is not the base64 of UTF-8.") from None
    return found


class Checksum:
    """`Upload-Checksum: ALGORITHM BASE64`, computed while the bytes go by. Raises Problem 400 for one it cannot do."""

    def __init__(self, header: str) -> None:
        algorithm, _, expected = header.partition(" ")
        if algorithm not in ALGORITHMS:
            raise bad_request(f"Upload-Checksum: known algorithms are {', '.join(ALGORITHMS)}.")
        try:
            self._expected = base64.b64decode(expected.strip(), validate=True)
        except binascii.Error:
            raise bad_request("Upload-Checksum: the sum is not base64.") from None
        self._sum = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        """These bytes went by."""
        self._sum.update(data)

    def check(self) -> None:
        """Raises Problem 460 where the bytes are not those that were meant."""
        if self._sum.digest() != self._expected:
            raise Problem(460, "The checksum does not fit the bytes that arrived; send them again.", kind="checksum")


class LockedUploadFile:
    """The file of an upload, locked, from `offset` on: nobody else can append to it. Use it as a context manager.

    Raises Problem 423 where somebody holds it, 409 for an offset that is not its size, 404 where it is gone.
    """

    def __init__(self, path: Path, *, offset: int, length: int, checksum: Checksum | None = None) -> None:
        self._length, self._checksum = length, checksum
        self._start = offset
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Problem(404, "There is no such upload.", kind="not-found") from None
        try:
            self.offset = self._lock(path, offset)
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self, path: Path, offset: int) -> int:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(self._file), os.stat(path)):  # noqa: PTH116
                raise BlockingIOError
        except (BlockingIOError, FileNotFoundError):  # held, or finished and moved away while this one waited its turn
            detail = "Another request is sending to this upload; try again when it has ended."
            raise Problem(423, detail, kind="locked") from None
        size = os.fstat(self._file).st_size
        if size != offset:
            detail = f"The upload is at {size}, not at {offset}."
            raise Problem(409, detail, kind="wrong-offset", headers={"Upload-Offset": str(size)})
        os.lseek(self._file, 0, os.SEEK_END)
        return size

    def write(self, data: bytes) -> None:
        """Append. Raises Problem 413 for more than was announced."""
        if self.offset + len(data) > self._length:
            raise Problem(413, f"More than the {self._length} bytes that Upload-Length announced.", kind="too-large")
        view = memoryview(data)
        while view:
            done = os.write(self._file, view)
            self.offset += done
            view = view[done:]
        if self._checksum is not None:
            self._checksum.update(data)

    def settle(self) -> None:
        """All of this request arrived: check it, and see that it is on the disk. Raises Problem 460."""
        if self._checksum is not None:
            self._checksum.check()
        os.fsync(self._file)

    def undo(self, error: BaseException) -> None:
        """Forget what this request brought, where this error leaves nothing of it that could be trusted.

        With a checksum that is so whenever not all arrived; a server that is killed may keep such bytes unchecked.
        """
        if self._checksum is not None or (isinstance(error, Problem) and error.status == 413):
            os.ftruncate(self._file, self._start)
            self.offset = self._start

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)


def size_of(path: Path) -> int | None:
    """How much of an upload is here; None where its file is gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
