"""A stored file as an answer: whole, in part, or not at all because the client has it (RFC 9110: Range, ETag)."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import Headers

from api.problems import Problem
from store.object_store import ObjectStore

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class NotSatisfiable(Exception):
    """The range begins after the end."""


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """The half-open range asked for of `size` bytes; None for what may be ignored: several ranges, or none at all.

    Raises NotSatisfiable.
    """
    found = _RANGE.fullmatch(header.replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first == "":
        if int(last) == 0:
            raise NotSatisfiable
        return max(0, size - int(last)), size
    start, end = int(first), int(last) + 1 if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise NotSatisfiable
    return start, min(end, size)


def disposition(filename: str) -> str:
    """`Content-Disposition` that saves under this name: in ASCII for old clients, and as it is (RFC 6266)."""
    plain = unicodedata.normalize("NFKD", filename).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()+-]", "_", plain).strip() or "download"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def serve(files: ObjectStore, request: Request, *, key: str, size: int, modified: datetime, filename: str) -> Response:
    """The file under `key`, as far as this request wants it. Raises Problem 416, or 410 where it is gone."""
    if not files.exists(key):
        raise Problem(410, "This file is not here any more.", kind="gone")
    etag = f'"{hashlib.sha256(f"{key}:{size}".encode()).hexdigest()[:32]}"'
    headers = {
        "ETag": etag,
        "Last-Modified": format_datetime(modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition(filename),
    }
    if _has_it(request.headers, etag, modified):
        return Response(status_code=304, headers=headers)
    try:
        part = _part(request, size, etag, modified)
    except NotSatisfiable:
        detail = f"The file has {size} bytes; this range begins behind them."
        raise Problem(416, detail, kind="range", headers={"Content-Range": f"bytes */{size}"}) from None
    start, end = part or (0, size)
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    body: Iterator[bytes] = iter(()) if request.method == "HEAD" else files.read(key, start, end)
    return StreamingResponse(body, status_code=206 if part else 200, headers=headers, media_type="application/zip")


def _part(request: Request, size: int, etag: str, modified: datetime) -> tuple[int, int] | None:
    wanted = request.headers.get("range")
    if wanted is None or request.method != "GET":
        return None
    condition = request.headers.get("if-range")
    if condition is not None and condition != etag and _date(condition) != modified.replace(microsecond=0):
        return None
    return parse_range(wanted, size)


def _has_it(headers: Headers, etag: str, modified: datetime) -> bool:
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in tags.split(","))
    since = _date(headers.get("if-modified-since", ""))
    return since is not None and modified.replace(microsecond=0) <= since


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # of a zone that is further away than time goes
        return None
    return moment if moment.tzinfo is not None else None
