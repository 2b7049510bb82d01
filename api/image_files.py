"""Images of users as responses: with a type that is taken from their own bytes, and rights to nothing."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import PurePosixPath

from fastapi import Response
from fastapi.responses import StreamingResponse

from api.problems import Problem
from core.portable_names import content_disposition
from store.image_index import StoredBytes, read_bytes
from store.object_store import ObjectStore

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
_AVIF_BRANDS = (b"avif", b"avis")
_HEADERS = {
    "Cache-Control": "private, max-age=86400, immutable",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",  # browsers style a lone image
    "X-Content-Type-Options": "nosniff",
}


def image_type(head: bytes) -> str | None:
    """The media type of an image that browsers can show, from its first bytes; None if it is no such image."""
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature):
            return media_type
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if _is_avif(head) else None


def _is_avif(head: bytes) -> bool:
    """Whether the first box of the file lists a brand of AVIF. A HEIC may have the same major brand, mif1."""
    box = head[8 : int.from_bytes(head[:4])] if head[4:8] == b"ftyp" else b""
    return any(box[start : start + 4] in _AVIF_BRANDS for start in range(0, len(box), 4))


def is_displayable(files: ObjectStore, key: str, location: StoredBytes) -> bool:
    """Whether browsers can show an image that lies in a stored object. False if the object was deleted.

    Args:
        files: The object store.
        key: The object.
        location: Where the image lies in it.
    """
    with suppress(FileNotFoundError):
        return image_type(next(read_bytes(files, key, location), b"")) is not None
    return False


def image_response(files: ObjectStore, key: str, location: StoredBytes, *, path: str) -> Response:
    """Answer with an image that lies in a stored object.

    Args:
        files: The object store.
        key: The object.
        location: Where the image lies in it.
        path: Its path in the upload or the archive; the last part names the file.

    Returns:
        The image, as a stream.

    Raises:
        Problem: 410 if the object was deleted; 415 if browsers cannot show the image.
    """
    chunks = read_bytes(files, key, location)
    try:
        first = next(chunks, b"")
    except FileNotFoundError:
        raise Problem(410, "This file was deleted.", kind="gone") from None
    media_type = image_type(first)
    if media_type is None:
        detail = "Browsers cannot show this kind of image. Download the archive to open it."
        raise Problem(415, detail, kind="not-displayable")
    disposition = content_disposition(PurePosixPath(path).name).replace("attachment", "inline", 1)
    headers = _HEADERS | {"Content-Disposition": disposition, "Content-Length": str(location.size)}
    body: Iterator[bytes] = chain((first,), chunks)
    return StreamingResponse(body, headers=headers, media_type=media_type)
