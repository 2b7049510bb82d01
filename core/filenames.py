"""Names that people give, and names inside an upload: which are safe, which mean the same file, which are pictures."""

import re
import unicodedata
from pathlib import PurePosixPath

from core.errors import BadInput
from core.limits import SkippedFile

PICTURES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".avif")
)
UNREADABLE = frozenset(
    (".svg", ".svgz", ".heic", ".heif", ".jp2", ".j2k", ".jxl", ".psd", ".ico", ".eps", ".dng", ".cr2", ".nef", ".arw")
)
ARCHIVES = (
    ".zip", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".7z", ".rar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst",
)  # fmt: skip
LITTER = frozenset((".ds_store", "thumbs.db", "desktop.ini", "icon\r", ".gitkeep", ".ipynb_checkpoints"))
LONGEST = 1000  # characters of a path inside an upload
LONGEST_NAME = 200  # characters of what a person calls something
NOT_IN_NAMES = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"  # controls, ends of lines, turns of direction

_DRIVE = re.compile(r"[A-Za-z]:")
_NOT_IN_NAMES = re.compile(f"[{NOT_IN_NAMES}\\ud800-\\udfff]")


def is_name(text: str) -> bool:
    """Whether something can be called this, in any script, joined emoji and wide spaces included."""
    return bool(text.strip()) and len(text) <= LONGEST_NAME and not _NOT_IN_NAMES.search(text)


def name_from(text: str) -> str:
    """What of a text can stand in a name."""
    return _NOT_IN_NAMES.sub("", text)


def clean(name: str) -> str:
    """A name as stored in an archive, as a relative path with forward slashes.

    Windows separators become forward slashes; `.` and empty parts go. Raises BadInput for an absolute path, one that
    climbs out by `..`, and one with control characters in it.
    """
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        raise BadInput(f"“{shown(name)}” is an absolute path; pack the files by relative names.", shown(name))
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadInput(f"“{shown(name)}” climbs out of its folder by “..”; pack the files by plain names.", shown(name))
    if any(unicodedata.category(c) == "Cc" for c in name) and not is_litter("/".join(parts)):
        raise BadInput(f"“{shown(name)}” has a control character in its name; rename it.", shown(name))
    return "/".join(parts)


def shown(name: str) -> str:
    """A name that can be printed and encoded whatever is in it."""
    cut = name if len(name) <= 200 else name[:120] + "…" + name[-60:]
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in cut)


def suffix(path: str) -> str:
    """The extension in lower case, with its dot; empty where there is none."""
    return PurePosixPath(path).suffix.lower()


def is_picture(path: str) -> bool:
    """Whether the name says that this is a picture of a kind that is read."""
    return suffix(path) in PICTURES


def is_archive(path: str) -> bool:
    """Whether the name says that this is an archive."""
    return path.lower().endswith(ARCHIVES)


def is_litter(path: str) -> bool:
    """Whether an operating system or editor left this file beside the pictures."""
    parts = path.lower().split("/")
    return "__macosx" in parts or parts[-1].startswith("._") or not LITTER.isdisjoint(parts)


def why_left_out(path: str) -> SkippedFile | None:
    """The reason to leave a file out that its name alone gives; None where there is none."""
    if is_litter(path):
        return SkippedFile(shown(path), "left by the operating system or an editor, no part of the data")
    if len(path) > LONGEST:
        return SkippedFile(shown(path), f"its name is longer than {LONGEST:,} characters")
    if not path.isprintable() and any(0xD800 <= ord(c) <= 0xDFFF for c in path):
        return SkippedFile(shown(path), "its name is not Unicode (UTF-8)")
    if suffix(path) in UNREADABLE:
        kind = suffix(path)[1:].upper()
        return SkippedFile(path, f"{kind} pictures are not read; save it as PNG, JPEG, WebP, TIFF, BMP or AVIF")
    return None


class Distinct:
    """Refuses names that some file system or reader would take for the same one."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, bool]] = {}  # folded -> as first written, and whether it is a folder

    def add(self, path: str) -> None:
        """Take one more file; raises BadInput where it, or a folder above it, is another's name in other letters."""
        folded = fold(path)
        if folded in self._seen:
            self._refuse(path, self._seen[folded][0])
        self._seen[folded] = (path, False)
        while "/" in path:
            path, folded = path.rpartition("/")[0], folded.rpartition("/")[0]
            known = self._seen.setdefault(folded, (path, True))
            if known != (path, True):
                self._refuse(path, known[0])

    @staticmethod
    def _refuse(path: str, first: str) -> None:
        raise BadInput(
            f"“{shown(first)}” and “{shown(path)}” are the same name on many computers "
            "(letter case and Unicode form aside); rename one.",
            shown(path),
        )


def fold(path: str) -> str:
    """A name with letter case and Unicode form taken away: equal where two names may meet in one file."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
