"""The files of a tar, plain or packed by gzip or xz, as `core.ingest.archives.reader` wants them: one pass, never
seeking back."""

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
from core.filenames import clean, shown
from core.ingest.archives.reader import CHUNK, NO_ARCHIVE, Member, NameFilter, UnpackBudget, drain
from core.limits import Limits

DAMAGED = (
    tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error, struct.error, UnicodeError, ValueError,
    OverflowError, RecursionError, IndexError, KeyError, TypeError,
)  # fmt: skip
TRUNCATED = "The tar is truncated or damaged; pack and upload it again."
HEADERS = 4 << 20  # bytes that the headers of one file may take: long names are fine, memory bombs are not
XZ_MEMORY = 256 << 20


class _Header(tarfile.TarInfo):
    """Remembers how the headers ended: a tar that ends without its zero block was cut off."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> "_Header":
        try:
            return super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            tar.ended_by = error  # type: ignore[attr-defined]
            raise


class _Xz(io.RawIOBase):
    """The bytes inside an xz file, with a ceiling on the memory that its headers may ask for."""

    def __init__(self, source: Path) -> None:
        self._file = source.open("rb")
        self._decoder = self._fresh()

    @staticmethod
    def _fresh() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def read(self, size: int = -1) -> bytes:
        """Some bytes, at most `size`; none at the end. Raises EOFError where the file is cut off."""
        while True:
            if self._decoder.eof:
                rest = self._decoder.unused_data.lstrip(b"\0") or self._file.read(CHUNK).lstrip(b"\0")
                if not rest:
                    return b""
                self._decoder = self._fresh()  # several streams in a row, as parallel packers write them
            elif self._decoder.needs_input:
                rest = self._file.read(CHUNK)
                if not rest:
                    raise EOFError("the xz stream is cut off")
            else:
                rest = b""
            piece = self._decoder.decompress(rest, max_length=size if size >= 0 else CHUNK)
            if piece:
                return piece

    def close(self) -> None:
        self._file.close()
        super().close()


class _Metered(io.RawIOBase):
    """Lets through as many bytes as have been allowed, and keeps why it stopped."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner
        self._allowed = 0
        self.stopped: BadInput | None = None

    def allow(self, count: int) -> None:
        """So many bytes may follow, whatever was allowed before."""
        self._allowed = count

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; raises BadInput over what is allowed."""
        piece = self._inner.read(min(size, CHUNK) if size >= 0 else CHUNK)
        self._allowed -= len(piece)
        if self._allowed < 0:
            self.stopped = BadInput("The tar has headers of absurd size; pack it again.")
            raise self.stopped
        return piece


def tar_members(source: Path, limits: Limits, sieve: NameFilter, head: bytes) -> Iterator[Member]:
    """The regular files of a tar in its order; see core.ingest.archives.reader.open_members. `head`: its first
    bytes."""
    watch = UnpackBudget(limits, packed=source.stat().st_size)
    with ExitStack() as stack:
        stream = _Metered(stack.enter_context(_unpacked(source, head)))
        stream.allow(HEADERS)
        try:
            opened = tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header, encoding="utf-8")  # noqa: SIM115
        except DAMAGED as error:
            cut_off = head[257:262] == b"ustar" or isinstance(error, EOFError)
            raise stream.stopped or (BadInput(TRUNCATED) if cut_off else NotAnArchive(NO_ARCHIVE)) from error
        tar = stack.enter_context(opened)
        folders = 0
        while (info := _next(tar, stream)) is not None:
            if info.isdir():
                folders += 1
                if folders > limits.files:
                    raise UploadTooLarge(
                        f"There are more than {limits.files:,} folders; pack it again without empty ones."
                    )
                clean(info.name)
                continue
            path = clean(info.name)
            _refuse_unreadable(info, path)
            kept = sieve.keeps(path)
            watch.count_file(path, info.size)
            stream.allow(info.size + HEADERS)
            chunks = _unpacker(tar, info, path, watch)
            if kept:
                yield Member(path=path, size=info.size, chunks=chunks)
            else:
                deque(chunks(), maxlen=0)
        _drain_padding(stream, watch)


def _unpacked(source: Path, head: bytes) -> IO[bytes]:
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(source))
    if head.startswith(b"\xfd7zXZ\0"):
        return _Xz(source)  # type: ignore[return-value]
    return source.open("rb")


def _next(tar: tarfile.TarFile, stream: _Metered) -> tarfile.TarInfo | None:
    stream.allow(HEADERS)
    try:
        info = tar.next()
    except DAMAGED as error:
        raise stream.stopped or BadInput(TRUNCATED) from error
    tar.members = []  # type: ignore[attr-defined]  # else it keeps every header: 200 MB for 200,000 files
    if info is None and not isinstance(getattr(tar, "ended_by", None), tarfile.EOFHeaderError):  # type: ignore[attr-defined]
        raise BadInput(TRUNCATED)
    return info


def _unpacker(
    tar: tarfile.TarFile, info: tarfile.TarInfo, path: str, watch: UnpackBudget
) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        try:
            opened = tar.extractfile(info)
            assert opened is not None
            while piece := opened.read(CHUNK):
                yield piece
        except DAMAGED as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"The tar is damaged at “{shown(path)}”; pack and upload it again.", shown(path)) from error

    return lambda: drain(path, info.size, pieces(), watch)


def _refuse_unreadable(info: tarfile.TarInfo, path: str) -> None:
    if info.issym() or info.islnk():
        raise BadInput(f"“{shown(path)}” is a link; pack the files themselves.", shown(path))
    if not info.isreg():
        raise BadInput(f"“{shown(path)}” is a device or other special file; pack regular files only.", shown(path))
    if info.issparse():
        raise BadInput(f"“{shown(path)}” is stored as a sparse file; pack it without --sparse.", shown(path))


def _drain_padding(stream: _Metered, watch: UnpackBudget) -> None:
    """Read to the end, so that a cut-off or altered compressed stream shows by its checksum."""
    try:
        while True:
            stream.allow(2 * CHUNK)
            piece = stream.read(CHUNK)
            if not piece:
                return
            watch.count_bytes(len(piece))
    except DAMAGED as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(TRUNCATED) from error
