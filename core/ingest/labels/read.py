"""Find the label files of an upload, read them, and draw one label for each image from them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.filenames import printable, suffix
from core.ingest.folder_names import Split, split_of
from core.ingest.labels import coco, json_lines, plain_list, table, yolo
from core.ingest.labels.image_index import ImageIndex
from core.ingest.labels.label_file import (
    MAX_ENTRIES,
    LabelEntry,
    LabelFile,
    LabelProblem,
    ReferenceForm,
    TooManyLabels,
)
from core.ingest.labels.problem_list import ProblemList
from core.ingest.labels.text_file import TextFile, read_text
from core.ingest.unpack import UnpackedFile

FAMILIES = ("table", "coco", "yolo")
"""Kinds of label files. The labels of one kind are used together, and the kind that labels most images is used."""
MAX_TOTAL_BYTES = 512 << 20  # of all files that are read as label files

_PARSERS: dict[str, tuple[Callable[[UnpackedFile, TextFile, ImageIndex], LabelFile | None], ...]] = {
    ".csv": (table.parse_table,),
    ".tsv": (table.parse_table,),
    ".jsonl": (json_lines.parse_json_lines,),
    ".ndjson": (json_lines.parse_json_lines,),
    ".json": (coco.parse_coco,),
    ".txt": (plain_list.parse_list, table.parse_table),
    ".lst": (plain_list.parse_list,),
    ".list": (plain_list.parse_list,),
}
_LISTED_WHEN_TOO_LARGE = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLabels:
    """What the label files of one family say together.

    Attributes:
        labels: The class by image.
        splits: The split by image, where one is stated.
        several: Number of images with objects of several classes, of which the one that fills most counts.
        files: The files that the labels come from.
        problems: What contradicts within and between the files.
    """

    labels: Mapping[str, str]
    splits: dict[str, Split]
    several: int
    files: tuple[LabelFile, ...]
    problems: tuple[LabelProblem, ...]


def read_label_files(
    files: Iterable[UnpackedFile], index: ImageIndex, tick: Callable[[], None] = lambda: None
) -> tuple[LabelFile, ...]:
    """Read every file of an upload that labels or lists images.

    Args:
        files: The files that are no images.
        index: The images.
        tick: Called after each file; may raise to stop.

    Returns:
        The label files in the order of their paths.

    Raises:
        OSError: A file cannot be read from disk.
    """
    others = sorted(files, key=lambda file: file.path)
    found = yolo.parse_yolo(others, index)
    taken, budget = {one.path for one in found}, MAX_TOTAL_BYTES
    entries = sum(len(one.entries) for one in found)
    for file in others:
        parsers = _PARSERS.get(suffix(file.path), ())
        if file.path in taken or not parsers:
            continue
        budget -= file.bytes
        text = read_text(file.disk_path) if budget >= 0 else TextFile(text=None, problem="came after too many others")
        if text.text is None:
            if suffix(file.path) in _LISTED_WHEN_TOO_LARGE:
                found.append(_unread(file, text.problem or ""))
            continue
        try:
            parsed = [one for one in (parse(file, text, index) for parse in parsers) if one is not None][:1]
            added = sum(len(one.entries) for one in parsed)
        except TooManyLabels:
            parsed, added = [], MAX_ENTRIES + 1
        if entries + added > MAX_ENTRIES:
            problem = f"has too many labels; with the files before it there may be {MAX_ENTRIES:,}"
            parsed, added = [_unread(file, problem)], 0
        found, entries = found + parsed, entries + added
        tick()
    return tuple(sorted(found, key=lambda one: one.path))


def _unread(file: UnpackedFile, problem: str) -> LabelFile:
    stated = LabelProblem(file.path, None, f"It was not read for labels: it {problem}.")
    return LabelFile(
        path=file.path,
        disk_path=file.disk_path,
        family="unread",
        summary="not read",
        entries=(),
        problems=(stated,),
        references=ReferenceForm(),
    )


def best_labels(files: Sequence[LabelFile]) -> ImageLabels | None:
    """The labels of the family that labels most images; None if no file labels an image.

    Where they state no split, that of the other files counts, such as train.txt beside YOLO labels.

    Args:
        files: All label files.
    """
    read = [_merged([file for file in files if file.family == family]) for family in FAMILIES]
    best = max(read, key=lambda labels: len(labels.labels))
    splits = {image: split for labels in read for image, split in labels.splits.items()}
    return replace(best, splits=splits | best.splits) if best.labels else None


def _merged(files: Sequence[LabelFile]) -> ImageLabels:
    stated: dict[str, tuple[LabelEntry, str]] = {}
    areas: dict[str, dict[str, float]] = {}
    splits: dict[str, Split] = {}
    problems: list[LabelProblem] = []
    for file in files:
        contradictions = ProblemList(file.path)
        for entry in file.entries:
            split = entry.split or _split_of_folders(entry.image)
            if split is not None:
                splits.setdefault(entry.image, split)
            if entry.label is None:
                continue
            if entry.area is not None:
                sums = areas.setdefault(entry.image, {})
                sums[entry.label] = sums.get(entry.label, 0.0) + entry.area
                continue
            first, path = stated.setdefault(entry.image, (entry, file.path))
            if first is not entry:
                _add_repetition(contradictions, entry, first, path)
        problems += contradictions.finish()
    largest = {image: min(sums, key=lambda label: (-sums[label], label)) for image, sums in areas.items()}
    return ImageLabels(
        labels=largest | {image: str(entry.label) for image, (entry, _) in stated.items()},
        splits=splits,
        several=sum(len(sums) > 1 for image, sums in areas.items() if image not in stated),
        files=tuple(file for file in files if any(entry.label is not None for entry in file.entries)),
        problems=tuple(problems),
    )


def _add_repetition(problems: ProblemList, entry: LabelEntry, first: LabelEntry, path: str) -> None:
    image, place = printable(entry.image), f"{path}, line {first.line:,}" if first.line else path
    if entry.label == first.label:
        problems.add("images that are labelled twice", entry.line, f"It labels “{image}” again, first in {place}.")
        return
    problem = f"It labels “{image}” as “{entry.label}”, but {place}, says “{first.label}”, which counts."
    problems.add("images with two labels", entry.line, problem)


def _split_of_folders(image: str) -> Split | None:
    """The split that a folder of the image names, such as train or val2017."""
    for folder in image.split("/")[-2::-1]:
        if (split := split_of(folder)) is not None:
            return split
    return None
