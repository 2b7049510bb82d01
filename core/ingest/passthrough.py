"""Which files of an upload are no images, what they are, and which of them are delivered."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.filenames import is_image, suffix
from core.ingest.content import HEAD_BYTES, IMAGE, Content, content_of, holds_image
from core.ingest.labels.label_file import LabelFile
from core.ingest.labels.text_file import MAX_LABEL_FILE_BYTES
from core.ingest.unpack import UnpackedFile
from core.limits import SkippedFile

FORMATS_TO_SAVE_AS = "JPEG, PNG, WebP, AVIF, HEIC, TIFF or BMP"
NOT_DELIVERED = {
    "labels": "and only files of labels and .txt are delivered",
    "none": "and only images are delivered",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PassthroughFile:
    """A file that is no image. The protected archive holds an exact copy of it, or one with the new names of images.

    Attributes:
        path: Its path in the archive.
        disk_path: Where its bytes lie on disk.
        kind: What it is, such as "a file of labels".
        is_text: Whether it is text, in which images may be named.
    """

    path: str
    disk_path: Path
    kind: str = "text"
    is_text: bool = True


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A file that is no image, and what it is."""

    file: UnpackedFile
    content: Content


@dataclass(frozen=True, slots=True)
class FilesByContent:
    """The files of an upload, sorted by what they hold.

    Attributes:
        images: Those that may be protected.
        others: Those that are no images.
        unsupported: The images of kinds that cannot be protected. They are never delivered.
    """

    images: list[UnpackedFile] = field(default_factory=list)
    others: list[OtherFile] = field(default_factory=list)
    unsupported: list[SkippedFile] = field(default_factory=list)


def sort_by_content(files: Iterable[UnpackedFile], tick: Callable[[], None]) -> FilesByContent:
    """Sort files by their first bytes; an image's extension alone makes an image too.

    Args:
        files: The files of an upload.
        tick: Called after each file that was read; may raise to stop.

    Raises:
        OSError: A file cannot be read from disk.
    """
    found = FilesByContent()
    for file in files:
        if is_image(file.path):
            found.images.append(file)
            continue
        with file.disk_path.open("rb") as opened:
            content = content_of(file.path, opened.read(HEAD_BYTES))
        if content is IMAGE:
            found.images.append(file)
        elif content.use == "unsupported":
            reason = f"it is {content.what}, which cannot be protected; save it as {FORMATS_TO_SAVE_AS}"
            found.unsupported.append(SkippedFile(file.path, reason))
        else:
            found.others.append(OtherFile(file, content))
        tick()
    return found


def select_passthrough(
    others: Iterable[OtherFile], label_files: Sequence[LabelFile], pass_through: str
) -> tuple[tuple[PassthroughFile, ...], list[SkippedFile]]:
    """Choose the files to deliver. A text that has an image written in it is never delivered.

    Args:
        others: The files that are no images.
        label_files: Those that label or list images.
        pass_through: One of `core.specs.protect.PASS_THROUGH`.

    Returns:
        The files to deliver, and the others with the reason.

    Raises:
        OSError: A file cannot be read from disk.
    """
    understood = {file.path: "a file of labels" for file in label_files if file.is_understood}
    delivered: list[PassthroughFile] = []
    left_out: list[SkippedFile] = []
    for other in others:
        path, what = other.file.path, understood.get(other.file.path, other.content.what)
        is_text = path in understood or (suffix(path) == ".txt" and other.content.is_text)
        wanted = pass_through == "all" or (pass_through == "labels" and is_text)
        problem = _problem_of_text(other) if wanted and (is_text or other.content.is_text) else None
        if not wanted:
            left_out.append(SkippedFile(path, f"it is {what}, {NOT_DELIVERED[pass_through]}"))
        elif problem is not None:
            left_out.append(SkippedFile(path, problem))
        else:
            may_name_images = is_text or other.content.is_text
            delivered.append(
                PassthroughFile(path=path, disk_path=other.file.disk_path, kind=what, is_text=may_name_images)
            )
    return tuple(delivered), left_out


def _problem_of_text(other: OtherFile) -> str | None:
    """Why a text is not delivered; None if it is."""
    if other.file.bytes > MAX_LABEL_FILE_BYTES:
        return "it is a text that is too large to be searched for images written in it"
    if holds_image(other.file.disk_path.read_bytes()):
        return "it is a text with an image written in it, which would be delivered without noise"
    return None
