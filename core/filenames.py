"""Rules for names: those that users give, and those of files inside an upload. Standard library only."""

import re
from typing import NoReturn

from core.errors import BadInput
from core.junk_files import junk_reason
from core.limits import SkippedFile
from core.portable_names import fold

IMAGE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".avif"),
        *(".heic", ".heif", ".hif", ".ppm", ".pgm", ".pbm", ".pnm"),
    )
)
ARCHIVE_SUFFIXES = (
    ".zip", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".7z", ".rar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst",
)  # fmt: skip
MAX_PATH_CHARS = 1000  # of a path inside an upload
MAX_NAME_CHARS = 200  # of a name that a user gives
FORBIDDEN_NAME_CHARS = (  # controls, line ends, changes of direction, and what cannot be seen
    r"\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
)

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # category Cc of Unicode
_FORBIDDEN = re.compile(f"[{FORBIDDEN_NAME_CHARS}\\ud800-\\udfff]")


def is_valid_name(text: str) -> bool:
    """Whether a user may name something `text`. Any script is allowed, joined emoji and wide spaces too."""
    return bool(text.strip()) and len(text) <= MAX_NAME_CHARS and not _FORBIDDEN.search(text)


def strip_forbidden_chars(text: str) -> str:
    """`text` without the characters that a name must not contain."""
    return _FORBIDDEN.sub("", text)


def normalize_path(name: str) -> str:
    """A member's name as a relative path with forward slashes, without `.` and empty parts.

    Args:
        name: The name as stored in the archive; backslashes count as separators.

    Returns:
        The path; empty for the root folder itself.

    Raises:
        BadInput: The name is absolute, leaves its folder by `..`, or contains a control character.
    """
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        raise BadInput(f"“{printable(name)}” is an absolute path; pack the files with relative paths.", printable(name))
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadInput(
            f"“{printable(name)}” leaves its folder by “..”; pack the files with plain paths.", printable(name)
        )
    if _CONTROL.search(name) and not is_junk("/".join(parts)):
        raise BadInput(f"“{printable(name)}” has a control character in its name; rename it.", printable(name))
    return "/".join(parts)


def printable(name: str) -> str:
    """`name` for messages: cut to about 200 characters, unprintable ones escaped."""
    cut = name if len(name) <= 200 else name[:120] + "…" + name[-60:]
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in cut)


def suffix(path: str) -> str:
    """The extension in lower case with its dot; empty if there is none."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


def is_image(path: str) -> bool:
    """Whether the name has the extension of an image format that can be read."""
    return suffix(path) in IMAGE_SUFFIXES


def is_archive(path: str) -> bool:
    """Whether the name has the extension of an archive."""
    return path.lower().endswith(ARCHIVE_SUFFIXES)


def name_of_single_image(filename: str) -> str:
    """The name of an image that was sent in place of an archive; never that of an archive, and never empty."""
    while is_archive(filename):
        filename = filename.rpartition(".")[0]
    return filename or "image"


def is_junk(path: str) -> bool:
    """Whether a system, an editor or a storage device made this file for itself, such as `.DS_Store`."""
    return junk_reason(path) is not None


def skipped_by_name(path: str) -> SkippedFile | None:
    """The record of a file that is skipped for its name alone; None if the name is no reason to skip it."""
    if junk := junk_reason(path):
        return SkippedFile(printable(path), printable(junk))
    if len(path) > MAX_PATH_CHARS:
        return SkippedFile(printable(path), f"its path is longer than {MAX_PATH_CHARS:,} characters; shorten it")
    if not path.isprintable() and any(0xD800 <= ord(c) <= 0xDFFF for c in path):
        return SkippedFile(printable(path), "its name is not valid Unicode (UTF-8); rename it")
    return None


class _Folder:
    """A folder that was seen: its name as first seen, and what lies in it by folded name. A file is its name alone."""

    __slots__ = ("children", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: dict[str, _Folder | str] = {}


class UniquePaths:
    """Detects paths that some file system or reader would take for the same file. Each folder is stored once.

    Attributes:
        folders: The number of folders that the paths have together.
    """

    def __init__(self) -> None:
        self.folders = 0
        self._root = _Folder("")

    def __contains__(self, path: str) -> bool:
        """Whether a file or a folder has this path, or one that some file system takes for it."""
        folder: _Folder | str | None = self._root
        for key in fold(path).split("/"):
            folder = folder.children.get(key) if isinstance(folder, _Folder) else None
        return folder is not None

    def add(self, path: str) -> None:
        """Add a file.

        Args:
            path: Its normalized path.

        Raises:
            BadInput: The file, or a folder above it, differs from an earlier one in letter case or Unicode form only.
        """
        parts, folded = path.split("/"), fold(path).split("/")
        folder = self._root
        for level, (name, key) in enumerate(zip(parts[:-1], folded[:-1], strict=True)):
            known = folder.children.get(key)
            if known is None:
                known = folder.children[key] = _Folder(name)
                self.folders += 1
            elif isinstance(known, str) or known.name != name:
                self._refuse(parts[: level + 1], known)
            folder = known
        name, key = parts[-1], folded[-1]
        if key in folder.children:
            self._refuse(parts, folder.children[key])
        folder.children[name if name == key else key] = name  # one string for both where they are equal

    @staticmethod
    def _refuse(parts: list[str], first: _Folder | str) -> NoReturn:
        earlier = "/".join([*parts[:-1], first if isinstance(first, str) else first.name])
        path = "/".join(parts)
        if earlier == path:
            reason = f"Two files or folders have the same name, “{printable(path)}”; rename one."
            raise BadInput(reason, printable(path))
        raise BadInput(
            f"“{printable(earlier)}” and “{printable(path)}” are the same name on many computers, "
            "which ignore letter case or Unicode form; rename one.",
            printable(path),
        )
