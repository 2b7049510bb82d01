"""Lists of images: a path in each line, and the class after it, such as Caffe's train.txt and ImageNet's val.txt."""

from pathlib import PurePosixPath

from core.ingest.labels.class_name import class_name
from core.ingest.labels.image_index import ImageIndex
from core.ingest.labels.label_file import LabelEntry, LabelFile, ReferenceForm, split_of_name
from core.ingest.labels.problem_list import ProblemList
from core.ingest.labels.references import References
from core.ingest.labels.text_file import TextFile
from core.ingest.unpack import UnpackedFile

SUFFIXES = (".txt", ".lst", ".list")
SAMPLE = 50  # lines by which a list is recognized


def parse_list(file: UnpackedFile, text: TextFile, index: ImageIndex) -> LabelFile | None:
    """Read a list of images.

    Args:
        file: The file.
        text: Its text.
        index: The images of the upload.

    Returns:
        What it says; None if it is no list of images.
    """
    lines = [(number, line.strip()) for number, line in enumerate((text.text or "").split("\n"), 1) if line.strip()]
    sample = lines[:SAMPLE]
    found = sum(index.find(reference_of(line, index, file.path)[0], file.path).path is not None for _, line in sample)
    if not found or 2 * found < len(sample):
        return None
    problems = ProblemList(file.path)
    references = References(index, file.path, problems)
    split = split_of_name(PurePosixPath(file.path).stem)
    entries = []
    for number, line in lines:
        reference, label = reference_of(line, index, file.path)
        image = references.resolve(reference, number)
        if image is not None:
            entries.append(LabelEntry(image=image, label=class_name(label), line=number, split=split))
    if text.problem:
        problems.add("encoding", None, f"It {text.problem}.")
    labelled = any(entry.label is not None for entry in entries)
    return LabelFile(
        path=file.path,
        disk_path=file.disk_path,
        family="table",
        summary="a path and a class in each line" if labelled else "a path in each line, no labels",
        entries=tuple(entries),
        problems=problems.finish(),
        references=ReferenceForm(form="list", encoding=text.encoding, images=references.images),
    )


def reference_of(line: str, index: ImageIndex, path: str) -> tuple[str, str]:
    """The reference and the class of one line; the class is empty if there is none. A path may contain spaces.

    Args:
        line: The line, without space around it.
        index: The images of the upload.
        path: The path of the list.
    """
    reference, *label = line.rsplit(None, 1)
    if label and index.find(line, path).path is None:
        return reference, label[0]
    return line, ""
