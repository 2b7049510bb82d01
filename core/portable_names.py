"""Names that mean the same file on every system: what harms on Windows, on a screen or in a shell is replaced.

The rules for names of files on Windows: https://learn.microsoft.com/windows/win32/fileio/naming-a-file. Standard
library only.
"""

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

MAX_PART_BYTES = 240  # of UTF-8 in one name: file systems take 255, and a delivered image may get a longer extension
MAX_SUFFIX_CHARS = 16
ARCHIVE_FILES = ("report.json", "report.html", "MANIFEST.json")
"""The files that the program itself adds to an archive."""

RESERVED_ON_WINDOWS = "Windows reserves the name for a device"
RESERVED_CHARACTER = "it has a character that Windows does not allow in names"
TRAILING = "it ends in a dot or a space, which Windows drops"
INVISIBLE = "it has an invisible character, which can make a name look like another"
TOO_LONG = f"it is longer than {MAX_PART_BYTES} bytes, and most systems take 255"
TAKEN = "another file or folder has the name that remains"

_DEVICES = frozenset(
    (
        *("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"),
        *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³"),
    )
)
_RESERVED = re.compile(r'[<>:"|?*\\/]')
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .()+,=@~-]{0,100}")
_JOINERS = "\u200c\u200d"  # the spelling of some scripts and of emoji needs them


def portable_part(part: str) -> tuple[str, str | None]:
    """One name of a file or folder in a form that every system takes.

    Args:
        part: The name, without folders.

    Returns:
        The name, which is not empty, and why it differs from `part`, to follow "because"; None if it does not differ.
    """
    name, reason = part, None
    if _PLAIN.fullmatch(part) is None:
        name = "".join(c for c in part if not _is_invisible(c))
        reason = INVISIBLE if name != part else None
        allowed = _RESERVED.sub("_", name)
        reason = RESERVED_CHARACTER if allowed != name else reason
        name = allowed
    stripped = name.rstrip(". ") if name[-1:] in (".", " ") else name
    if stripped != name or not stripped:
        name, reason = stripped or "_", reason or TRAILING
    stem, dot, rest = name.partition(".")
    if len(stem) <= len("CONOUT$ ") and stem.rstrip(" ").upper() in _DEVICES:
        name, reason = f"{stem.rstrip(' ')}_{dot}{rest}", RESERVED_ON_WINDOWS
    if len(name) > MAX_PART_BYTES // 4 and len(name.encode(errors="replace")) > MAX_PART_BYTES:
        name, reason = _shortened(name), TOO_LONG
    return name, reason


def portable_filename(name: str, default: str = "download") -> str:
    """The name under which a browser saves a file.

    Args:
        name: The wanted name.
        default: The name where nothing else remains.
    """
    safe, _ = portable_part(unicodedata.normalize("NFC", name).strip() or default)
    return safe


def content_disposition(filename: str) -> str:
    """The header `Content-Disposition` that saves a file as `filename`, with an ASCII form for old clients (RFC 6266).

    Args:
        filename: The wanted name. What harms on some system is replaced, as in archives.
    """
    filename = portable_filename(filename)
    ascii_name = unicodedata.normalize("NFKD", filename).encode("ascii", "ignore").decode()
    ascii_name = portable_filename(re.sub(r"[^A-Za-z0-9 ._()+-]", "_", ascii_name))
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(filename, safe='')}"


def fold(path: str) -> str:
    """`path` without letter case, Unicode form and joiners: equal for two paths that may name one file."""
    if path.isascii():
        return path.lower()
    plain = "".join(c for c in path if c not in _JOINERS)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", plain).casefold())


def free_name(wanted: str, taken: set[str]) -> str:
    """A path that is not taken: `wanted`, or with -2, -3, … before its extension.

    Args:
        wanted: The preferred path.
        taken: Folded paths that are in use.
    """
    name, number = wanted, 1
    while fold(name) in taken:
        number += 1
        name = numbered(wanted, number)
    return name


def numbered(path: str, number: int) -> str:
    """`path` with a number before its extension.

    Args:
        path: A path.
        number: What is added.
    """
    ending = PurePosixPath(path).suffix
    return f"{path.removesuffix(ending)}-{number}{ending}"


def _is_invisible(character: str) -> bool:
    """Whether a character has no form of its own: controls, changes of direction, surrogates, noncharacters."""
    if character.isascii():
        return not character.isprintable()
    if character in _JOINERS:
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") or (ord(character) & 0xFFFE) == 0xFFFE


def _shortened(name: str) -> str:
    """The start of a name, a hash of the whole of it, and its extension."""
    ending = PurePosixPath(name).suffix
    ending = ending if len(ending) <= MAX_SUFFIX_CHARS else ""
    mark = "-" + hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8] + ending
    start = name.removesuffix(ending).encode(errors="replace")[: MAX_PART_BYTES - len(mark.encode())]
    return start.decode(errors="ignore").rstrip(". ") + mark
