"""JSON lines that name an image and its class each: Hugging Face metadata.jsonl, and the like."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from core.ingest.folder_names import Split, split_of
from core.ingest.labels.class_name import class_name
from core.ingest.labels.column_names import IMAGE_NAMES, LABEL_NAMES, SPLIT_NAMES, normalized, position_of
from core.ingest.labels.image_index import ImageIndex
from core.ingest.labels.label_file import LabelEntry, LabelFile, ReferenceForm, limited, split_of_name
from core.ingest.labels.problem_list import ProblemList
from core.ingest.labels.references import References
from core.ingest.labels.text_file import TextFile
from core.ingest.unpack import UnpackedFile

SUFFIXES = (".jsonl", ".ndjson")
JSON_ERRORS = (ValueError, RecursionError)
TELLING_NAMES = ("coco", "annotation", "instances", "labels", "metadata")
"""Parts of the names of JSON files that shall hold labels, so that one which cannot be read is worth a word."""
_CATEGORIES = ("categories", "category")


def parse_json_lines(file: UnpackedFile, text: TextFile, index: ImageIndex) -> LabelFile | None:
    """Read a file with a JSON object of an image in each line.

    Args:
        file: The file.
        text: Its text.
        index: The images of the upload.

    Returns:
        What it says; None if no line names an image.
    """
    problems = ProblemList(file.path)
    references = References(index, file.path, problems)
    keys: dict[str, int] = {}
    entries = limited(_entries(text.text or "", references, problems, keys, file.path))
    if not keys and not any(name in file.path.rpartition("/")[2].lower() for name in TELLING_NAMES):
        return None
    if text.problem:
        problems.add("encoding", None, f"It {text.problem}.")
    key = max(keys, key=lambda key: keys[key], default="file_name")
    return LabelFile(
        path=file.path,
        disk_path=file.disk_path,
        family="table",
        summary=f"key “{key}”" if any(entry.label is not None for entry in entries) else f"key “{key}”, no labels",
        entries=entries,
        problems=problems.finish(),
        references=ReferenceForm(form="json", encoding=text.encoding, key=key, images=references.images),
    )


def _entries(
    text: str, references: References, problems: ProblemList, keys: dict[str, int], path: str
) -> Iterator[LabelEntry]:
    split_of_file = split_of_name(PurePosixPath(path).stem)
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            data = json.loads(content)
        except JSON_ERRORS as error:
            problems.add("lines that are no JSON", line, f"It is no JSON: {error}; the line is not used.")
            continue
        names = [normalized(key) for key in data] if isinstance(data, dict) else []
        place = position_of(names, IMAGE_NAMES)
        reference = None if place is None else [*data.values()][place]
        if place is None or not isinstance(reference, str):
            problems.add("lines that name no image", line, "It names no image; the line is not used.")
            continue
        key = [*data][place]
        keys[key] = keys.get(key, 0) + 1
        image = references.resolve(reference, line)
        if image is not None:
            split = _split(data, names) or split_of_file
            for label, area in _labels(data, names):
                yield LabelEntry(image=image, label=label, line=line, split=split, area=area)


def _labels(data: Mapping[str, Any], names: Sequence[str]) -> list[tuple[str | None, float | None]]:
    """The classes of one line with the area of each, None for the whole image."""
    values = [*data.values()]
    place = position_of(names, LABEL_NAMES)
    if place is not None:
        stated = values[place]
        if not isinstance(stated, list):
            return [(class_name(stated), None)]
        stated_names = [class_name(one) for one in stated]
        return [(name, 1.0 if len(stated_names) > 1 else None) for name in stated_names] or [(None, None)]
    objects = data.get("objects")
    if isinstance(objects, dict):
        return _objects(objects) or [(None, None)]
    return [(None, None)]


def _objects(objects: Mapping[str, Any]) -> list[tuple[str | None, float | None]]:
    """The classes and boxes of Hugging Face's form for objects: lists of equal length, boxes as x, y, width, height."""
    names: list[Any] = next((objects[key] for key in _CATEGORIES if isinstance(objects.get(key), list)), [])
    boxes = objects.get("bbox")
    boxes = boxes if isinstance(boxes, list) and len(boxes) == len(names) else [None] * len(names)
    return [(class_name(name), box_area(box)) for name, box in zip(names, boxes, strict=True)]


def box_area(box: object) -> float:
    """The area of a box [x, y, width, height]; 1 for one that is none."""
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(edge, int | float) for edge in box[2:]):
        return 1.0
    try:
        area = abs(float(box[2])) * abs(float(box[3]))
    except OverflowError:
        return 1.0
    return area if area < float("inf") else 1.0


def _split(data: Mapping[str, Any], names: Sequence[str]) -> Split | None:
    place = position_of(names, SPLIT_NAMES)
    stated = None if place is None else [*data.values()][place]
    return split_of(stated) if isinstance(stated, str) else None
