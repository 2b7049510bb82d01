"""What the files of the protected archive are called: as in the upload, with the extension of what they are now."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from core.filenames import fold, suffix
from core.imaging.encode import delivered_format

OURS = ("report.json", "report.html", "MANIFEST.json")
SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
}


def delivered_names(pictures: Sequence[tuple[str, str, str]], others: Iterable[str], asked: str) -> list[str]:
    """The name of each delivered picture, given as (path, format, mode) in the upload. asked: `png` or `same`.

    cat.jpg becomes cat.png. Where two would be called so (cat.jpg beside cat.png or cat.jpeg), one that had the name
    keeps it, and the others become cat.jpg.png. Names that fold to the same (core.filenames) count as the same.
    """
    names: list[str | None] = []
    wanted: list[tuple[str, str]] = []  # the new name, and the longer one, of each that changes
    for path, format, mode in pictures:
        kind = delivered_format(format, mode, asked)
        keeps = suffix(path) in SUFFIXES[kind] or (asked == "same" and kind == format)
        names.append(path if keeps else None)
        if not keeps:
            ending = SUFFIXES[kind][0]
            wanted.append((str(PurePosixPath(path).with_suffix(ending)), path + ending))
    taken = {fold(name) for name in (*OURS, *others, *(n for n in names if n is not None))}
    taken |= {fold(str(folder)) for path, _, _ in pictures for folder in PurePosixPath(path).parents}
    asked_for = Counter(fold(short) for short, _ in wanted)
    changed = iter(wanted)
    for number, name in enumerate(names):
        if name is None:
            short, long = next(changed)
            free = fold(short) not in taken and asked_for[fold(short)] == 1
            names[number] = short if free else free_name(long, taken)
            taken.add(fold(str(names[number])))
    return [str(name) for name in names]


def free_name(wanted: str, taken: set[str]) -> str:
    """`wanted`, or the first of it with -2, -3, … before its extension, that is not among the folded names `taken`."""
    ending = PurePosixPath(wanted).suffix
    stem = wanted.removesuffix(ending)
    name, number = wanted, 1
    while fold(name) in taken:
        number += 1
        name = f"{stem}-{number}{ending}"
    return name
