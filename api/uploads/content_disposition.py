"""The header Content-Disposition of a part: its field and its file name, in every form that clients send.

Browsers write UTF-8 and percent-encode quotes and line breaks (HTML standard). Other programs use `filename*`
(RFC 8187), continuations such as `filename*0` (RFC 2231), or the encoded words of mail (RFC 2047).
"""

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

from python_multipart.multipart import parse_options_header

_ENCODED_WORD = re.compile(r"=\?[\w.:+-]+(?:\*[\w-]+)?\?[bBqQ]\?[^?]*\?=")


@dataclass(frozen=True, slots=True)
class ContentDisposition:
    """What the header says: the name of the field, and that of the file; None for a part that is no file."""

    field: str
    filename: str | None


def parse_disposition(header: bytes) -> ContentDisposition:
    """Read a header.

    Args:
        header: Its value, as it was sent.
    """
    text = header.decode("latin-1")
    options = parse_options_header(text)[1]
    filename = _extended_filename(text)
    if filename is None and b"filename" in options:
        filename = _encoded_words(_plain(options[b"filename"]))
    return ContentDisposition(_plain(options.get(b"name", b"")), filename)


def _plain(value: bytes) -> str:
    return value.decode("utf-8", "replace").replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _extended_filename(text: str) -> str | None:
    """The name of `filename*`, or of several `filename*0` and so on; None if the header has neither."""
    if "*" not in text:
        return None
    message = Message()
    message["Content-Disposition"] = text
    try:
        parameters: Any = message.get_params(failobj=[], header="Content-Disposition")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    extended = [value for key, value in parameters if key.lower() == "filename" and isinstance(value, tuple)]
    continued = [value for key, value in parameters if key.lower() == "filename" and isinstance(value, str)]
    if extended:
        charset, _, value = extended[0]
        return _decoded(value.encode("latin-1", "replace"), charset or "utf-8")
    if continued and not re.search(r";\s*filename\s*=", text, re.IGNORECASE):
        return _plain(continued[0].encode("latin-1", "replace"))
    return None


def _decoded(value: bytes, charset: str) -> str:
    try:
        return value.decode(charset)
    except (LookupError, UnicodeError):
        return value.decode("utf-8", "replace")


def _encoded_words(text: str) -> str:
    """The text with the encoded words of RFC 2047 decoded; unchanged if it has none, or if one is damaged."""
    if not _ENCODED_WORD.search(text):
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text
