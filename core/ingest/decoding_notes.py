"""What reading changed in the images of an upload, summed up for the user."""

from collections.abc import Iterator, Mapping

from core.filenames import printable

MAX_KINDS = 8  # of notes that are listed


def decoding_notes(notes: Mapping[str, str | None]) -> Iterator[str]:
    """A sentence for each kind of note: how many images it is about, and one of them.

    Args:
        notes: What decoding changed, by path; several notes of an image are separated by "; ".
    """
    paths: dict[str, list[str]] = {}
    for path, note in notes.items():
        for one in (note or "").split("; "):
            if one:
                paths.setdefault(one, []).append(path)
    ranked = sorted(paths.items(), key=lambda item: -len(item[1]))
    for note, found in ranked[:MAX_KINDS]:
        example = printable(found[0])
        which = f"“{example}”" if len(found) == 1 else f"{len(found):,} images, such as “{example}”"
        yield f"{which}: {printable(note)}."
    if len(ranked) > MAX_KINDS:
        yield f"{len(ranked) - MAX_KINDS:,} more kinds of changes are not listed."
