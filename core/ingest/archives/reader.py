"""Archives and folders as one stream of files, read within limits, whatever a hostile one declares.

Nothing is written and no picture is decoded here. Every byte that is promised is really unpacked by whoever drains
`Member.chunks`, so truncation and lying headers show; memory stays bounded at any input.
"""

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput, UploadTooLarge
from core.filenames import Distinct, is_archive, shown, why_left_out
from core.limits import Limits, SkippedFile, readable_bytes

CHUNK = 1 << 20
NO_ARCHIVE = "This is not an archive that is read here; send a zip, tar, tar.gz or tar.xz of class folders."


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One regular file of a source: its clean path, its size in bytes, and where its bytes come from.

    `chunks` is to be drained once, before the next member is asked for. `file` is set where it lies on disk as it is.
    """

    path: str
    size: int
    chunks: Callable[[], Iterator[bytes]]
    file: Path | None = None


class UnpackBudget:
    """Counts what comes out of a source, and refuses what is over the limits."""

    def __init__(self, limits: Limits, packed: int | None) -> None:
        self._limits = limits
        self._packed = packed
        self.bytes = 0
        self.files = 0

    def count_file(self, path: str, declared: int) -> None:
        """One more file of a declared size."""
        self.files += 1
        if self.files > self._limits.files:
            raise UploadTooLarge(f"There are more than {self._limits.files:,} files; send several smaller datasets.")
        if declared > self._limits.file_bytes:
            most = readable_bytes(self._limits.file_bytes)
            raise UploadTooLarge(f"“{shown(path)}” is larger than {most}, the most for one file.", shown(path))

    def count_bytes(self, count: int) -> None:
        """So many more bytes have been unpacked."""
        self.bytes += count
        if self.bytes > self._limits.bytes:
            raise UploadTooLarge(
                f"It unpacks to more than {readable_bytes(self._limits.bytes)}; send several smaller datasets."
            )
        if (
            self._packed is not None
            and self.bytes > self._limits.ratio_free_bytes
            and self.bytes > self._limits.ratio * self._packed
        ):
            raise UploadTooLarge(
                f"It unpacks to more than {self._limits.ratio} times its size, as archive bombs do; "
                "send the pictures without such padding."
            )


def drain(path: str, declared: int, pieces: Iterator[bytes], watch: UnpackBudget) -> Iterator[bytes]:
    """The pieces of one file, counted; raises BadInput where they are not exactly as many bytes as declared."""
    real = 0
    for piece in pieces:
        real += len(piece)
        if real > declared:
            raise BadInput(
                f"“{shown(path)}” unpacks to more than the {declared:,} bytes its archive declares; pack it again.",
                shown(path),
            )
        watch.count_bytes(len(piece))
        yield piece
    if real != declared:
        raise BadInput(
            f"The archive is truncated: “{shown(path)}” ends after {real:,} of {declared:,} bytes; upload it again.",
            shown(path),
        )


class NameFilter:
    """Judges names one after another: kept, skipped with a reason, or bad enough to refuse the whole."""

    def __init__(self) -> None:
        self._distinct = Distinct()
        self.skipped: list[SkippedFile] = []

    def keeps(self, path: str) -> bool:
        """Whether this file goes on; raises BadInput for a name that clashes and for an archive in the archive."""
        left_out = why_left_out(path)
        if left_out is not None:
            self.skipped.append(left_out)
            return False
        self._distinct.add(path)
        if is_archive(path):
            raise BadInput(f"There is another archive inside: “{shown(path)}”; unpack it first.", shown(path))
        return True


def open_members(source: Path, limits: Limits, sieve: NameFilter) -> Iterator[Member]:
    """The regular files of an archive or a folder, in order; `sieve` keeps those that are left out.

    Raises BadInput, at the latest when the member that is wrong is reached.
    """
    from core.ingest.archives.tar import tar_members  # here, for they need what is above
    from core.ingest.archives.zip import zip_members

    if source.is_dir():
        return folder_members(source, limits, sieve)
    with source.open("rb") as file:
        head = file.read(512)
    if not head:
        raise BadInput("The file is empty; send a zip, tar, tar.gz or tar.xz of class folders.")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return zip_members(source, limits, sieve)
    if head.startswith(b"PK\x07\x08"):
        raise BadInput("The zip is split into several parts; pack it as one file.")
    return tar_members(source, limits, sieve, head)


def folder_members(source: Path, limits: Limits, sieve: NameFilter) -> Iterator[Member]:
    """The files of a folder in sorted order; links and special files are skipped, never followed."""
    watch = UnpackBudget(limits, packed=None)
    waiting = [source]
    while waiting:
        inner: list[Path] = []
        for file in sorted(waiting.pop().iterdir()):
            path = file.relative_to(source).as_posix().replace("\\", "/")
            status = file.lstat()
            if stat.S_ISDIR(status.st_mode):
                inner.append(file)
            elif not stat.S_ISREG(status.st_mode):
                kind = "a link; links are not followed" if stat.S_ISLNK(status.st_mode) else "not a regular file"
                sieve.skipped.append(SkippedFile(shown(path), kind))
            elif sieve.keeps(path):
                watch.count_file(path, status.st_size)
                watch.count_bytes(status.st_size)
                yield Member(path=path, size=status.st_size, chunks=_reader(file), file=file)
        waiting += reversed(inner)


def _reader(file: Path) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        with file.open("rb") as opened:
            while piece := opened.read(CHUNK):
                yield piece

    return read
