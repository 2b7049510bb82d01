"""A multipart upload, written to disk as it arrives: one archive as it is, or many files packed into a zip.

Nothing is kept in memory but a few names, and the pieces that are on their way to the disk (`api.uploads.streaming`).
"""

import asyncio
import hashlib
import struct
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.problems import Problem, field_problem
from api.uploads.streaming import disk_errors, stream_to_disk

MOST_TEXT = 1000  # bytes of a field that is no file
OVERHEAD = 64 * 2**20  # bytes that the boundaries and headers of 200,000 parts may take on top of the files
FIXED_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartUpload:
    """What a form brought: the file it is in now, the name it came with, and a digest of everything that was sent."""

    path: Path
    filename: str
    name: str | None
    digest: str


class _Part(Protocol):
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class _Stored:
    """A part that is a file, or an entry of the zip."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, data: bytes) -> None:
        self._out.write(data)

    def close(self) -> None:
        self._out.close()


class _Text:
    """A part that is a short text."""

    def __init__(self, field: str, keep: Callable[[str], None]) -> None:
        self._field, self._keep, self._data = field, keep, bytearray()

    def write(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > MOST_TEXT:
            raise field_problem(self._field, f"is longer than {MOST_TEXT} bytes")

    def close(self) -> None:
        try:
            self._keep(self._data.decode())
        except UnicodeDecodeError:
            raise field_problem(self._field, "is not UTF-8") from None


class _Nothing:
    """The empty part that a browser sends for a file that was not chosen."""

    def write(self, data: bytes) -> None:
        if data:
            raise field_problem("file", "has no file name")

    def close(self) -> None:
        return


class MultipartReader:
    """Takes the body of a multipart request piece by piece; `parcel` gives what came of it. Raises Problem."""

    def __init__(self, boundary: str, path: Path, *, most_bytes: int, most_files: int) -> None:
        self._path, self._most_bytes, self._most_files = path, most_bytes, most_files
        self._sum = hashlib.sha256()
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition: str | None = None
        self._part: _Part = _Nothing()
        self._zip: zipfile.ZipFile | None = None
        self._names: set[str] = set()
        self._file: str | None = None
        self._name: str | None = None
        self._arrived = self._stored = 0
        self._ended = False
        self._open = ExitStack()
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_begin": self._begin_header,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_part,
                "on_part_data": self._data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        """The next piece of the body."""
        self._arrived += len(data)
        if self._arrived > self._most_bytes + OVERHEAD:
            raise too_large(self._most_bytes)
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise Problem(400, f"The body is not valid multipart/form-data: {error}.", kind="bad-form") from None

    def parcel(self) -> MultipartUpload:
        """What was sent; call it once, at the end of the body."""
        if not self._ended:
            raise Problem(400, "The body ends in the middle of the form.", kind="bad-form")
        self.close()
        if self._file is None and self._zip is None:
            detail = "Send one archive as the field `file`, or several pictures with relative names as `files`."
            raise Problem(422, f"There is no file in this request. {detail}", kind="no-file")
        return MultipartUpload(
            path=self._path, filename=self._file or "", name=self._name, digest=self._sum.hexdigest()
        )

    def close(self) -> None:
        """Let go of every open file; an entry goes before the zip that it is in."""
        if isinstance(self._part, _Stored):
            self._part.close()
        self._open.close()

    def _begin_header(self) -> None:
        self._header = (bytearray(), bytearray())

    def _end_header(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = self._header[1].decode("latin-1")

    def _begin_part(self) -> None:
        options = parse_options_header(self._disposition)[1]
        self._disposition = None
        field = _text(options.get(b"name", b""))
        filename = _text(options[b"filename"]) if b"filename" in options else None
        self._note(field.encode(), (filename or "").encode())
        self._part = self._open_part(field, filename)

    def _open_part(self, field: str, filename: str | None) -> _Part:
        if field == "name":
            return _Text("name", self._keep_name)
        if field not in ("file", "files"):
            raise field_problem(field or "(no name)", "unknown field; known are file, files, name")
        if not filename:
            return _Nothing()
        if field == "file":
            if self._file is not None or self._zip is not None:
                raise field_problem("file", "comes more than once; send several files as `files`")
            self._file = filename
            return _Stored(self._open.enter_context(self._path.open("wb")))
        return _Stored(self._open_entry(filename))

    def _open_entry(self, filename: str) -> IO[bytes]:
        if self._file is not None:
            raise field_problem("files", "comes together with `file`; send one or the other")
        if any(ord(c) < 32 or c == "\x7f" for c in filename):
            raise field_problem("files", "has a name with a control character")
        if filename in self._names:
            raise field_problem("files", f"has two files of the name {filename}")
        if len(self._names) >= self._most_files:
            raise Problem(413, f"More than {self._most_files} files.", kind="too-large")
        self._names.add(filename)
        if self._zip is None:
            self._zip = self._open.enter_context(zipfile.ZipFile(self._path, "w", zipfile.ZIP_STORED))
        return self._zip.open(zipfile.ZipInfo(filename, FIXED_TIME), "w", force_zip64=True)

    def _keep_name(self, name: str) -> None:
        self._name = name

    def _data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        self._stored += len(piece)
        if self._stored > self._most_bytes:
            raise too_large(self._most_bytes)
        self._sum.update(piece)
        self._part.write(piece)

    def _end_part(self) -> None:
        self._part.close()
        self._note(str(self._stored).encode())

    def _end(self) -> None:
        self._ended = True

    def _note(self, *words: bytes) -> None:
        for word in words:
            self._sum.update(struct.pack(">q", len(word)) + word)


async def receive(
    stream: AsyncIterator[bytes], content_type: str, path: Path, *, most_bytes: int, most_files: int
) -> MultipartUpload:
    """Write what a multipart body brings to `path`. Raises Problem; the file may then be there in part."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"").decode("latin-1")
    if kind != b"multipart/form-data":
        raise Problem(
            415, "Send the dataset as multipart/form-data, or use /v1/uploads.", kind="unsupported-media-type"
        )
    try:
        form = MultipartReader(boundary, path, most_bytes=most_bytes, most_files=most_files)
    except FormParserError as error:
        raise Problem(400, f"{error}.", kind="bad-form") from None
    if not boundary:
        raise Problem(400, "The Content-Type names no boundary.", kind="bad-form")
    try:
        await stream_to_disk(stream, form.feed)
        with disk_errors():
            return await asyncio.to_thread(form.parcel)
    finally:
        with suppress(OSError):  # what could not be written was said already
            form.close()


def too_large(most_bytes: int) -> Problem:
    """A 413 that says how much is allowed."""
    return Problem(413, f"This upload is larger than the {most_bytes:,} bytes this service takes.", kind="too-large")


def _text(raw: bytes) -> str:
    """A name as browsers and curl send it: UTF-8, with the three characters that would end it percent-encoded."""
    text = raw.decode("utf-8", "replace")
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
