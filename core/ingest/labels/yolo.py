"""YOLO: for each image a text file of objects, beside it or in `labels`: class, centre, size in shares of the image."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import yaml

from core.filenames import suffix
from core.ingest.labels.class_name import class_name
from core.ingest.labels.image_index import ImageIndex
from core.ingest.labels.label_file import MAX_ENTRIES, LabelEntry, LabelFile, LabelProblem, ReferenceForm
from core.ingest.labels.problem_list import ProblemList
from core.ingest.labels.text_file import read_text
from core.ingest.unpack import UnpackedFile
from core.portable_names import fold

NAME_FILES = ("classes.txt", "obj.names", "_darknet.labels", "class_names.txt", "names.txt")
YAML_SUFFIXES = (".yaml", ".yml")
MAX_YAML_BYTES = 1 << 18
MAX_OBJECT_FILE_BYTES = 1 << 20


def parse_yolo(files: Sequence[UnpackedFile], index: ImageIndex) -> list[LabelFile]:
    """Read the objects of all images.

    Args:
        files: The files of the upload that are no images.
        index: The images of the upload.

    Returns:
        What each file says, files of class names included; empty if the upload is no YOLO dataset.
    """
    texts = {fold(file.path): file for file in files if suffix(file.path) == ".txt"}
    pairs = [(image, texts[name]) for image in index.paths for name in label_names(image) if name in texts]
    if not pairs or not any(_is_object_file(file) for _, file in pairs[:20]):
        return []
    names, name_file, name_problems = _class_names(files)
    read: list[LabelFile] = []
    entries = 0
    for image, file in pairs:
        read.append(_parse_objects(image, file, names))
        entries += len(read[-1].entries)
        if entries > MAX_ENTRIES:
            problem = LabelProblem(file.path, None, f"There are more than {MAX_ENTRIES:,} objects; the rest is left.")
            read[-1] = _label_file(file, "YOLO objects", (), (problem,))
            break
    if name_file is not None:
        read.append(_label_file(name_file, "names of classes", (), name_problems))
    return read


def label_names(image: str) -> tuple[str, ...]:
    """Where the objects of an image may stand: the folded paths of two text files.

    Args:
        image: The path of the image.
    """
    path = PurePosixPath(fold(image)).with_suffix(".txt")
    parts = list(path.parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            return "/".join([*parts[:place], "labels", *parts[place + 1 :]]), str(path)
    return (str(path),)


def _is_object_file(file: UnpackedFile) -> bool:
    lines = [line for line in _text(file).splitlines() if line.strip()]
    return bool(lines) and all(_object(line) is not None for line in lines[:20])


def _text(file: UnpackedFile) -> str:
    return "" if file.bytes > MAX_OBJECT_FILE_BYTES else read_text(file.disk_path).text or ""


def _object(line: str) -> tuple[int, float] | None:
    """The class and the area of one line, of a box or a polygon; None if it is neither."""
    first, *rest = line.split()
    try:
        number, values = int(first), [float(value) for value in rest]
    except ValueError:
        return None
    if len(values) < 4 or not all(-1 <= value <= 2 for value in values) or number < 0:
        return None
    if len(values) in (4, 5):  # a sixth number is the confidence of a prediction
        return number, abs(values[2] * values[3])
    points = [*zip(values[::2], values[1::2], strict=False)]
    width, height = (max(axis) - min(axis) for axis in zip(*points, strict=True))
    return number, width * height


def _parse_objects(image: str, file: UnpackedFile, names: Mapping[int, str]) -> LabelFile:
    problems = ProblemList(file.path)
    if file.bytes > MAX_OBJECT_FILE_BYTES:
        problems.add("files that are too large", None, "It is too large for the objects of one image; it is not used.")
    entries = tuple(_entries(image, file, names, problems))
    return _label_file(file, "YOLO objects", entries, problems.finish())


def _entries(image: str, file: UnpackedFile, names: Mapping[int, str], problems: ProblemList) -> Iterator[LabelEntry]:
    for number, line in enumerate(_text(file).splitlines(), 1):
        if not line.strip():
            continue
        found = _object(line)
        if found is None:
            problems.add("lines that are no objects", number, "It is no object (class, x, y, width, height).")
        elif names and found[0] not in names:
            problems.add("unknown classes", number, f"Its class {found[0]} has no name.")
        else:
            yield LabelEntry(image=image, label=names.get(found[0], str(found[0])), line=number, area=found[1])


def _label_file(
    file: UnpackedFile, summary: str, entries: tuple[LabelEntry, ...], problems: tuple[LabelProblem, ...]
) -> LabelFile:
    return LabelFile(
        path=file.path,
        disk_path=file.disk_path,
        family="yolo",
        summary=summary,
        entries=entries,
        problems=problems,
        references=ReferenceForm(),
    )


def _class_names(
    files: Sequence[UnpackedFile],
) -> tuple[dict[int, str], UnpackedFile | None, tuple[LabelProblem, ...]]:
    """The names by number, the file that has them, and what is wrong with it."""
    for file in files:
        if suffix(file.path) in YAML_SUFFIXES and file.bytes <= MAX_YAML_BYTES:
            names, problems = _yaml_names(file)
            if names or problems:
                return names, file, problems
    for file in files:
        if file.path.rpartition("/")[2].lower() in NAME_FILES:
            lines = _text(file).splitlines()
            return {number: name for number, line in enumerate(lines) if (name := class_name(line))}, file, ()
    return {}, None, ()


def _yaml_names(file: UnpackedFile) -> tuple[dict[int, str], tuple[LabelProblem, ...]]:
    """The `names` of a data.yaml, a list or a mapping from numbers."""
    text = read_text(file.disk_path).text or ""
    if "<<" in text:
        return {}, (
            LabelProblem(file.path, None, "It merges mappings by “<<”, which is not read."),
        )  # they may explode
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = "It is no YAML, so the classes have numbers for names."
        return {}, (LabelProblem(file.path, line, problem),)
    stated = data.get("names") if isinstance(data, dict) else None
    pairs = enumerate(stated) if isinstance(stated, list) else stated.items() if isinstance(stated, dict) else ()
    return {key: name for key, value in pairs if isinstance(key, int) and (name := class_name(value))}, ()
