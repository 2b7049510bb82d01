"""The paths of files in the protected archive: those of the upload, with the extension of the new format."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.filenames import suffix
from core.imaging.formats import SUFFIXES, delivered_format
from core.portable_names import ARCHIVE_FILES, fold, free_name


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """An image of the upload: its path, its format such as JPEG, and its mode (L, RGB, LA or RGBA)."""

    path: str
    format: str
    mode: str


def delivered_names(images: Sequence[UploadedImage], passthrough: Iterable[str], requested: str) -> list[str]:
    """The paths of the delivered images.

    cat.jpg becomes cat.png. If two files would get one path (cat.jpg beside cat.png or cat.jpeg), a file that has it
    already keeps it, and the others become cat.jpg.png. Paths with the same `core.filenames.fold` count as one path.

    Args:
        images: The images of the upload.
        passthrough: The paths of the other files, which keep theirs.
        requested: `png`, or `same` for the format of the upload.

    Returns:
        One path for each image, in order.
    """
    reserved = {fold(name) for name in ARCHIVE_FILES}
    names: list[str | None] = []
    renamed: list[tuple[str, str]] = []  # (short, long) new path of each image that does not keep its own
    for image in images:
        format = delivered_format(image.format, image.mode, requested)
        keeps_name = suffix(image.path) in SUFFIXES[format] or (requested == "same" and format == image.format)
        keeps_name = keeps_name and fold(image.path) not in reserved
        names.append(image.path if keeps_name else None)
        if not keeps_name:
            ending = SUFFIXES[format][0]
            renamed.append((str(PurePosixPath(image.path).with_suffix(ending)), image.path + ending))
    taken = {fold(name) for name in (*ARCHIVE_FILES, *passthrough, *(name for name in names if name is not None))}
    taken |= {fold(str(folder)) for image in images for folder in PurePosixPath(image.path).parents}
    wanted = Counter(fold(short) for short, _ in renamed)
    new_names = iter(renamed)
    for number, name in enumerate(names):
        if name is None:
            short, long = next(new_names)
            free = fold(short) not in taken and wanted[fold(short)] == 1
            names[number] = short if free else free_name(long, taken)
            taken.add(fold(str(names[number])))
    return [str(name) for name in names]
