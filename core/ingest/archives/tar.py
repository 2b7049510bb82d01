"""The regular files of a tar, plain or compressed by gzip or xz, in one pass without seeking back."""

import gzip
import io
import lzma
import struct
import tarfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

from core.errors import BadInput, NotAnArchive, UploadTooLarge
from core.filenames import is_junk, normalize_path, printable
from core.ingest.archives.members import CHUNK_BYTES, NOT_AN_ARCHIVE, Member, NameFilter, link_error, special_file_error
from core.ingest.archives.tar_headers import HEADERS_TOO_LARGE, MAX_HEADER_BYTES, LimitedTarInfo
from core.ingest.archives.unpack_budget import UnpackBudget, checked_chunks
from core.limits import Limits

TAR_ERRORS = (
    tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error, struct.error, UnicodeError, ValueError,
    OverflowError, RecursionError, IndexError, KeyError, TypeError,
)  # fmt: skip
TRUNCATED = "The tar is truncated or damaged, or something else follows it; pack and upload it again."
MAX_XZ_MEMORY = 256 << 20  # bytes


class _XzStream(io.RawIOBase):
    """The uncompressed bytes of an xz file; its headers cannot demand more than MAX_XZ_MEMORY."""

    def __init__(self, source: Path) -> None:
        self._file = source.open("rb")
        self._decoder = self._new_decoder()

    @staticmethod
    def _new_decoder() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY)

    def read(self, size: int = -1) -> bytes:
        """Some bytes, at most `size`; none at the end. Raises EOFError if the file is truncated."""
        while True:
            if self._decoder.eof:
                rest = self._decoder.unused_data.lstrip(b"\0") or self._file.read(CHUNK_BYTES).lstrip(b"\0")
                if not rest:
                    return b""
                self._decoder = self._new_decoder()  # parallel packers write several streams in a row
            elif self._decoder.needs_input:
                rest = self._file.read(CHUNK_BYTES)
                if not rest:
                    raise EOFError("the xz stream is truncated")
            else:
                rest = b""
            chunk = self._decoder.decompress(rest, max_length=size if size >= 0 else CHUNK_BYTES)
            if chunk:
                return chunk

    def close(self) -> None:
        self._file.close()
        super().close()


class _LimitedStream(io.RawIOBase):
    """Passes on as many bytes as are allowed, and stores the error that ended it: tarfile would hide it.

    Attributes:
        error: What ended it.
        at_end: Whether the last block that was read ends a tar. A tar that ends without it was cut off.
    """

    def __init__(self, inner: IO[bytes], budget: UnpackBudget) -> None:
        self._inner, self._budget = inner, budget
        self._allowed = 0
        self.error: BadInput | None = None
        self.at_end = False

    def pass_zero_block(self) -> None:
        """Count a block of zeros, which is no header."""
        self.at_end = True
        self._allowed += tarfile.BLOCKSIZE
        self._budget.count_bytes(tarfile.BLOCKSIZE)

    def allow(self, count: int) -> None:
        """Allow `count` more bytes from here on, whatever was allowed before."""
        self._allowed = count

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes. Raises BadInput if more bytes come than are allowed."""
        chunk = self._inner.read(min(size, CHUNK_BYTES) if size >= 0 else CHUNK_BYTES)
        self._allowed -= len(chunk)
        if self._allowed < 0:
            self.error = BadInput(HEADERS_TOO_LARGE)
            raise self.error
        return chunk


def tar_members(source: Path, limits: Limits, name_filter: NameFilter, head: bytes) -> Iterator[Member]:
    """Iterate over the regular files of a tar in its order.

    Args:
        source: The tar, tar.gz or tar.xz.
        limits: The maximum that it may hold.
        name_filter: Selects the files by name and collects those that are skipped.
        head: The first 512 bytes of the source; they tell the compression.

    Raises:
        NotAnArchive: This is no tar.
        BadInput: The tar is truncated or damaged, holds a link or special file, or exceeds a limit.
    """
    budget = UnpackBudget(limits, packed=source.stat().st_size)
    with ExitStack() as stack:
        stream = _LimitedStream(stack.enter_context(_uncompressed(source, head)), budget)
        stream.allow(MAX_HEADER_BYTES)
        try:
            opened = tarfile.open(  # noqa: SIM115
                fileobj=stream, mode="r|", tarinfo=LimitedTarInfo, encoding="utf-8", ignore_zeros=True
            )
        except TAR_ERRORS as error:
            if isinstance(error, BadInput):
                raise
            truncated = head[257:262] == b"ustar" or isinstance(error, EOFError)
            raise stream.error or (BadInput(TRUNCATED) if truncated else NotAnArchive(NOT_AN_ARCHIVE)) from error
        tar = stack.enter_context(opened)
        folders = 0
        while (info := _next_header(tar, stream)) is not None:
            path = normalize_path(info.name)
            if info.isdir():
                folders += 1
                if folders > limits.files:
                    raise UploadTooLarge(
                        f"There are more than {limits.files:,} folders; pack it again without empty ones."
                    )
                continue
            if not info.isreg() and is_junk(path):  # such as a link in .git
                name_filter.admit(path)
                budget.count_file(path, 0)
                continue
            _refuse_unreadable(info, path)
            new = name_filter.admit(path)
            budget.count_file(path, info.size)
            stream.allow(info.size + MAX_HEADER_BYTES)
            chunks = _member_chunks(tar, info, path, budget)
            if new is not None:
                yield Member(path=new, stored_path=path, size=info.size, chunks=chunks)
            else:
                deque(chunks(), maxlen=0)
        _read_to_end(stream, budget)


def _uncompressed(source: Path, head: bytes) -> IO[bytes]:
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(source))
    if head.startswith(b"\xfd7zXZ\0"):
        return _XzStream(source)  # type: ignore[return-value]
    return source.open("rb")


def _next_header(tar: tarfile.TarFile, stream: _LimitedStream) -> tarfile.TarInfo | None:
    stream.allow(MAX_HEADER_BYTES)
    try:
        info = tar.next()
    except TAR_ERRORS as error:
        if isinstance(error, BadInput):
            raise
        raise stream.error or BadInput(TRUNCATED) from error
    tar.members = []  # type: ignore[attr-defined]  # tarfile would keep every header: 200 MB for 200,000 files
    if info is None and not stream.at_end:
        raise BadInput(TRUNCATED)
    return info


def _member_chunks(
    tar: tarfile.TarFile, info: tarfile.TarInfo, path: str, budget: UnpackBudget
) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        try:
            opened = tar.extractfile(info)
            assert opened is not None
            while chunk := opened.read(CHUNK_BYTES):
                yield chunk
        except TAR_ERRORS as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(
                f"The tar is damaged at “{printable(path)}”; pack and upload it again.", printable(path)
            ) from error

    return lambda: checked_chunks(path, info.size, read(), budget)


def _refuse_unreadable(info: tarfile.TarInfo, path: str) -> None:
    if info.issym() or info.islnk():
        raise link_error(path)
    if not info.isreg():
        raise special_file_error(path)
    if info.issparse():
        raise BadInput(f"“{printable(path)}” is stored as a sparse file; pack it without --sparse.", printable(path))


def _read_to_end(stream: _LimitedStream, budget: UnpackBudget) -> None:
    """Read the padding, so that the checksum of a compressed stream is verified."""
    try:
        while True:
            stream.allow(2 * CHUNK_BYTES)
            chunk = stream.read(CHUNK_BYTES)
            if not chunk:
                return
            budget.count_bytes(len(chunk))
    except TAR_ERRORS as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(TRUNCATED) from error
