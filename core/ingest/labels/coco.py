"""COCO JSON: images, categories, and objects with a category and a box each (Lin et al. 2014, cocodataset.org)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from core.ingest.labels.class_name import class_name
from core.ingest.labels.image_index import ImageIndex
from core.ingest.labels.json_lines import JSON_ERRORS, TELLING_NAMES, box_area
from core.ingest.labels.label_file import LabelEntry, LabelFile, ReferenceForm, limited, split_of_name
from core.ingest.labels.problem_list import ProblemList
from core.ingest.labels.references import References
from core.ingest.labels.text_file import TextFile
from core.ingest.unpack import UnpackedFile

SUFFIXES = (".json",)
LABEL_WORDS = ("label", "annotation")
"""Parts of the names of files that hold labels in whatever form; a `metadata.json` may hold anything."""


def parse_coco(file: UnpackedFile, text: TextFile, index: ImageIndex) -> LabelFile | None:
    """Read a file of annotations.

    Args:
        file: The file.
        text: Its text.
        index: The images of the upload.

    Returns:
        What it says; None if it is no COCO file.
    """
    problems = ProblemList(file.path)
    references = References(index, file.path, problems)
    try:
        data = json.loads(text.text or "")
    except JSON_ERRORS as error:
        if not any(name in file.path.rpartition("/")[2].lower() for name in TELLING_NAMES):
            return None
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        problems.add("unreadable files", line, f"It is no JSON: {error}; no label of it is used.")
        return _label_file(file, text, (), problems, references)
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        if not any(name in file.path.rpartition("/")[2].lower() for name in LABEL_WORDS):
            return None
        problem = "It is JSON, but neither COCO annotations nor a .jsonl of lines; no label of it is used."
        problems.add("files in another form", None, problem)
        return _label_file(file, text, (), problems, references)
    images = _images(data["images"], references, problems)
    if text.problem:
        problems.add("encoding", None, f"It {text.problem}.")
    return _label_file(file, text, limited(_entries(data, images, problems, file.path)), problems, references)


def _label_file(
    file: UnpackedFile, text: TextFile, entries: tuple[LabelEntry, ...], problems: ProblemList, references: References
) -> LabelFile:
    return LabelFile(
        path=file.path,
        disk_path=file.disk_path,
        family="coco",
        summary="COCO annotations",
        entries=entries,
        problems=problems.finish(),
        references=ReferenceForm(form="json", encoding=text.encoding, key="file_name", images=references.images),
    )


def _images(listed: Sequence[Any], references: References, problems: ProblemList) -> dict[Any, str]:
    """The path of each image by its id."""
    images: dict[Any, str] = {}
    for number, image in enumerate(listed):
        name = image.get("file_name") if isinstance(image, dict) else None
        if not isinstance(name, str) or not isinstance(image.get("id"), int | str):
            problems.add("images without id or file_name", None, f"images[{number}] has no id or no file_name.")
            continue
        path = references.resolve(name, None)
        if path is not None:
            images[image["id"]] = path
    return images


def _entries(
    data: Mapping[str, Any], images: Mapping[Any, str], problems: ProblemList, path: str
) -> Iterator[LabelEntry]:
    split = split_of_name(PurePosixPath(path).stem)
    categories = {
        category["id"]: class_name(category.get("name"))
        for category in _objects(data.get("categories"))
        if isinstance(category.get("id"), int | str)
    }
    known = {image["id"] for image in _objects(data["images"]) if isinstance(image.get("id"), int | str)}
    stated = set()
    for number, annotation in enumerate(_objects(data.get("annotations"))):
        image_id, category_id = annotation.get("image_id"), annotation.get("category_id")
        if not isinstance(image_id, int | str) or image_id not in known:
            problem = f"annotations[{number}] belongs to no image of the file."
            problems.add("annotations of unknown images", None, problem)
            continue
        if image_id not in images or category_id is None:
            continue  # the image is missing, which is listed; captions have no category
        label = categories.get(category_id) if isinstance(category_id, int | str) else None
        if label is None:
            problem = f"annotations[{number}] has a category that the file does not name."
            problems.add("annotations of unknown categories", None, problem)
            continue
        stated.add(image_id)
        area = annotation.get("area")
        size = float(area) if isinstance(area, int | float) and 0 < area < 1e15 else box_area(annotation.get("bbox"))
        yield LabelEntry(image=images[image_id], label=label, split=split, area=size)
    for image_id, image in images.items():
        if image_id not in stated:
            yield LabelEntry(image=image, label=None, split=split)


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
