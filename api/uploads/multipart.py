"""Multipart uploads (RFC 7578), streamed to disk: one archive as it is, or many files packed into a zip.

Memory holds only the file names, and the bytes that wait for the disk (`api.uploads.streaming`).
"""

import asyncio
import hashlib
import struct
import zipfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.problems import Problem, field_problem
from api.uploads.content_disposition import parse_disposition
from api.uploads.multipart_parts import EmptyPart, FilePart, Part, TextPart
from api.uploads.preamble import Preamble
from api.uploads.streaming import full_disk_as_problem, stream_to_disk
from core.limits import DEFAULT_LIMITS

MAX_OVERHEAD_BYTES = 64 * 2**20  # for the boundaries and headers of 200,000 parts, besides their content
PLAIN_ENCODINGS = (b"", b"7bit", b"8bit", b"binary")  # of a part, which leave its bytes as they are
ZIP_ENTRY_TIME = (1980, 1, 1, 0, 0, 0)  # fixed, so that the same files give the same zip


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartUpload:
    """A received form.

    Attributes:
        path: The uploaded archive, or the zip that the uploaded files were packed into.
        filename: The name of the archive on the sender's side; empty for several files.
        name: The field `name`, if it was sent.
        digest: A SHA-256 digest of all names and contents, in hexadecimal.
    """

    path: Path
    filename: str
    name: str | None
    digest: str


class MultipartReader:
    """Parses the body of a multipart request while it arrives, and writes its files to `path`.

    Args:
        boundary: The boundary between the parts, from the Content-Type.
        path: The file to write.
        max_bytes: The largest total size of the files.
        max_files: The largest number of files.

    Raises:
        FormParserError: The boundary is not valid.
    """

    def __init__(self, boundary: str, path: Path, *, max_bytes: int, max_files: int) -> None:
        self._path, self._max_bytes, self._max_files = path, max_bytes, max_files
        self._hash = hashlib.sha256()
        self._preamble = Preamble(boundary)
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = b""
        self._part: Part = EmptyPart()
        self._zip: zipfile.ZipFile | None = None
        self._filenames: set[str] = set()
        self._filename_bytes = 0
        self._archive_name: str | None = None
        self._name: str | None = None
        self._received = self._stored = 0
        self._ended = False
        self._open_files = ExitStack()
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_begin": self._begin_header,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_part,
                "on_part_data": self._part_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the body. Raises Problem 400, 413 or 422."""
        self._received += len(data)
        if self._received > self._max_bytes + MAX_OVERHEAD_BYTES:
            raise too_large(self._max_bytes)
        try:
            self._parser.write(self._preamble.strip(data))
        except FormParserError as error:
            raise Problem(400, f"The body is not valid multipart/form-data: {error}.", kind="bad-form") from None

    def finish(self) -> MultipartUpload:
        """The received form; call this once, at the end of the body. Raises Problem 400 or 422."""
        if self._preamble.is_all:
            detail = "The body is not valid multipart/form-data: the boundary of its Content-Type is not in it."
            raise Problem(400, detail, kind="bad-form")
        if not self._ended:
            raise Problem(400, "The body ends in the middle of the form.", kind="bad-form")
        self.close()
        if self._archive_name is None and self._zip is None:
            detail = "Send one archive or image as the field `file`, or several images with relative names as `files`."
            raise Problem(422, f"This request has no file. {detail}", kind="no-file")
        return MultipartUpload(
            path=self._path, filename=self._archive_name or "", name=self._name, digest=self._hash.hexdigest()
        )

    def close(self) -> None:
        """Close every open file. An entry of the zip is closed before the zip."""
        if isinstance(self._part, FilePart):
            self._part.close()
        self._open_files.close()

    def _begin_header(self) -> None:
        self._header = (bytearray(), bytearray())

    def _end_header(self) -> None:
        name, value = bytes(self._header[0]).lower(), bytes(self._header[1])
        if name == b"content-disposition":
            self._disposition = value
        elif name == b"content-transfer-encoding" and value.strip().lower() not in PLAIN_ENCODINGS:
            encoding = value.decode("latin-1")[:50]
            raise Problem(415, f"Send the bytes of each file as they are, not encoded as {encoding}.", kind="bad-form")

    def _begin_part(self) -> None:
        disposition, self._disposition = parse_disposition(self._disposition), b""
        field, filename = disposition.field, disposition.filename
        self._add_to_digest(field.encode(), (filename or "").encode("utf-8", "surrogatepass"))
        self._part = self._open_part(field, filename)

    def _open_part(self, field: str, filename: str | None) -> Part:
        if field == "name":
            return TextPart("name", self._set_name)
        if field not in ("file", "files"):
            raise field_problem(
                field or "(no name)", "is not a field of this form; its fields are file, files and name"
            )
        if not filename:
            return EmptyPart()
        if field == "file":
            if self._archive_name is not None or self._zip is not None:
                raise field_problem("file", "was sent more than once; send several files as `files`")
            self._archive_name = filename
            return FilePart(self._open_files.enter_context(self._path.open("wb")))
        return FilePart(self._open_entry(filename))

    def _open_entry(self, filename: str) -> IO[bytes]:
        if self._archive_name is not None:
            raise field_problem("files", "was sent together with `file`; send one or the other")
        if any(ord(c) < 32 or c == "\x7f" for c in filename):
            raise field_problem("files", "has a name with a control character")
        if filename in self._filenames:
            raise field_problem("files", f"has two files with the name {filename}")
        if len(self._filenames) >= self._max_files:
            raise Problem(413, f"This upload has more than {self._max_files} files.", kind="too-large")
        self._filenames.add(filename)
        self._filename_bytes += len(filename.encode("utf-8", "surrogatepass"))
        if self._filename_bytes > DEFAULT_LIMITS.name_bytes:
            raise Problem(413, "The names of the files are too long together; shorten them.", kind="too-large")
        if self._zip is None:
            self._zip = self._open_files.enter_context(zipfile.ZipFile(self._path, "w", zipfile.ZIP_STORED))
        return self._zip.open(zipfile.ZipInfo(filename, ZIP_ENTRY_TIME), "w", force_zip64=True)

    def _set_name(self, name: str) -> None:
        self._name = name

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        content = data[start:end]
        self._stored += len(content)
        if self._stored > self._max_bytes:
            raise too_large(self._max_bytes)
        self._hash.update(content)
        self._part.write(content)

    def _end_part(self) -> None:
        self._part.close()
        self._add_to_digest(str(self._stored).encode())

    def _end(self) -> None:
        self._ended = True

    def _add_to_digest(self, *values: bytes) -> None:
        """Add values with their lengths, so that no two different forms give the same input to the hash."""
        for value in values:
            self._hash.update(struct.pack(">q", len(value)) + value)


async def receive_form(
    stream: AsyncIterator[bytes], content_type: str, path: Path, *, max_bytes: int, max_files: int
) -> MultipartUpload:
    """Receive a multipart body and write its files to disk.

    Args:
        stream: The body, in chunks.
        content_type: The `Content-Type` of the request.
        path: The file to write. An incomplete file may stay after an error.
        max_bytes: The largest total size of the files.
        max_files: The largest number of files.

    Returns:
        The received form.

    Raises:
        Problem: 400, 408, 413, 415, 422 or 507.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"").decode("latin-1")
    if kind != b"multipart/form-data":
        raise Problem(
            415, "Send the dataset as multipart/form-data, or use /v1/uploads.", kind="unsupported-media-type"
        )
    try:
        form = MultipartReader(boundary, path, max_bytes=max_bytes, max_files=max_files)
    except FormParserError as error:
        raise Problem(400, f"{error}.", kind="bad-form") from None
    if not boundary:
        raise Problem(400, "The Content-Type names no boundary.", kind="bad-form")
    try:
        await stream_to_disk(stream, form.feed)
        with full_disk_as_problem():
            return await asyncio.to_thread(form.finish)
    finally:
        with suppress(OSError):  # a failed write has raised its error already
            form.close()


def too_large(max_bytes: int) -> Problem:
    """A 413 that names the largest allowed size."""
    return Problem(413, f"This upload exceeds this service's limit of {max_bytes:,} bytes.", kind="too-large")
