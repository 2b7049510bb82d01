"""Downloads of stored files, with range and conditional requests (RFC 9110, sections 13 and 14)."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import Headers

from api.problems import Problem
from core.portable_names import content_disposition
from store.object_store import ObjectStore

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class RangeNotSatisfiable(Exception):
    """The range begins after the end of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file in the object store, as it is offered for download.

    Attributes:
        key: Its key in the object store.
        size: Its length in bytes.
        modified: When it was written.
        filename: The name that the client saves it under.
        common_bytes: How many first bytes every file that this address has offered has in common; None if it has
            offered no other.
    """

    key: str
    size: int
    modified: datetime
    filename: str
    common_bytes: int | None = None

    @property
    def etag(self) -> str:
        """The entity tag. A key is never written twice with different content."""
        return f'"{hashlib.sha256(f"{self.key}:{self.size}".encode()).hexdigest()[:32]}"'

    @property
    def last_modified(self) -> datetime:
        """When it was written, in whole seconds as HTTP dates are."""
        return self.modified.replace(microsecond=0)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Read a `Range` header.

    Args:
        header: The value of the header.
        size: The length of the file in bytes.

    Returns:
        The first byte and the byte after the last one; None for what a server may ignore: several ranges, or a header
        that is not valid.

    Raises:
        RangeNotSatisfiable: The range begins after the end of the file.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        if int(last) == 0:
            raise RangeNotSatisfiable
        return max(0, size - int(last)), size
    start, end = int(first), int(last) + 1 if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise RangeNotSatisfiable
    return start, min(end, size)


def serve(store: ObjectStore, request: Request, file: StoredFile) -> Response:
    """Answer a GET or HEAD request for a stored file.

    Where browsers reach the object store, a GET is redirected to it, and no byte comes through the API. The conditions
    of the request are decided here in both cases; a range that must be answered by the whole file is answered here too.

    Args:
        store: The object store that holds the file.
        request: The request, with its range and conditions.
        file: The file.

    Returns:
        A response 200, 206, 304 or 307.

    Raises:
        Problem: 416 for a range after the end; 410 if the file was deleted.
    """
    try:
        stored = store.stat(file.key)
    except FileNotFoundError:
        raise Problem(410, "This file was deleted.", kind="gone") from None
    direct_url = store.direct_url(file.key) if stored.is_download else None
    if direct_url is not None and stored.etag is not None:
        known = _Validators((stored.etag, file.etag), (stored.modified.replace(microsecond=0), file.last_modified))
    else:
        known = _Validators((file.etag,), (file.last_modified,))
    headers = {
        "ETag": known.tags[0],
        "Last-Modified": format_datetime(file.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": content_disposition(file.filename),
    }
    if _is_not_modified(request.headers, known):
        return Response(status_code=304, headers=headers)
    try:
        part = _requested_part(request, file, known)
    except RangeNotSatisfiable:
        detail = f"The file has {file.size} bytes; the requested range begins after them."
        raise Problem(416, detail, kind="range", headers={"Content-Range": f"bytes */{file.size}"}) from None
    may_redirect = request.method == "GET" and (part is not None or "range" not in request.headers)
    if direct_url is not None and may_redirect:
        return Response(status_code=307, headers={"Location": direct_url, "Cache-Control": "no-store"})
    start, end = part or (0, file.size)
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    body: Iterator[bytes] = iter(()) if request.method == "HEAD" else store.read(file.key, start, end)
    return StreamingResponse(body, status_code=206 if part else 200, headers=headers, media_type="application/zip")


@dataclass(frozen=True, slots=True)
class _Validators:
    """The entity tags of a file, and its dates, that a client may know it by: those of the API and of an S3 server."""

    tags: tuple[str, ...]
    dates: tuple[datetime, ...]


def _requested_part(request: Request, file: StoredFile, known: _Validators) -> tuple[int, int] | None:
    header = request.headers.get("range")
    if header is None or request.method != "GET":
        return None
    condition = request.headers.get("if-range")
    if condition is not None and condition not in known.tags and _date(condition) not in known.dates:
        return None
    part = parse_range(header, file.size)
    if part is None or condition in known.tags or file.common_bytes is None or part[0] <= file.common_bytes:
        return part
    return None  # the client may have the first bytes of another file, and sends no entity tag that tells


def _is_not_modified(headers: Headers, known: _Validators) -> bool:
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or any(tag.strip().removeprefix("W/") in known.tags for tag in tags.split(","))
    since = _date(headers.get("if-modified-since", ""))
    return since is not None and known.dates[-1] <= since


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # OverflowError: the time zone moves the date out of the range of datetime
        return None
    return moment if moment.tzinfo is not None else None
