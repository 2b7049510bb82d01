"""The text of a file that may hold labels, read within limits."""

import codecs
from dataclasses import dataclass
from pathlib import Path

from core.limits import readable_bytes

MAX_LABEL_FILE_BYTES = 32 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """A file as text.

    Attributes:
        text: Its text without a byte order mark; None if it cannot be read as text.
        encoding: How it is encoded, for `encode_text`.
        problem: What is wrong with it, to follow its name; None if nothing.
    """

    text: str | None
    encoding: str = "utf-8"
    problem: str | None = None


def read_text(file: Path) -> TextFile:
    """Read a file as UTF-8, as UTF-16 if it says so, or else as Windows-1252.

    Args:
        file: Where its bytes lie.

    Raises:
        OSError: It cannot be read from disk.
    """
    size = file.stat().st_size
    if size > MAX_LABEL_FILE_BYTES:
        most = readable_bytes(MAX_LABEL_FILE_BYTES)
        return TextFile(text=None, problem=f"has {readable_bytes(size)}; label files are read up to {most}")
    content = file.read_bytes()
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return TextFile(text=content.decode(encoding).removeprefix("\ufeff"), encoding=encoding)
            except UnicodeDecodeError:
                return TextFile(text=None, problem=f"is damaged: it is not the {encoding[:6].upper()} that it says")
    if b"\0" in content:
        return TextFile(text=None, problem="is no text")
    try:
        return TextFile(text=content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"is not valid UTF-8 (first in line {line:,}), so it was read as Windows-1252; save it as UTF-8"
    try:
        return TextFile(text=content.decode("cp1252"), encoding="cp1252", problem=problem)
    except UnicodeDecodeError:
        return TextFile(text=content.decode("latin-1"), encoding="latin-1", problem=problem)


def encode_text(text: str, encoding: str) -> bytes:
    """The bytes of a text in the encoding that `read_text` found.

    Args:
        text: The text without a byte order mark.
        encoding: A `TextFile.encoding`.

    Returns:
        The bytes. A character that the encoding lacks becomes a question mark.
    """
    mark = {name: mark for mark, name in _MARKS if name != "utf-8-sig"}.get(encoding, b"")
    return mark + text.encode(encoding, "replace")
