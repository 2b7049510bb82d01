"""What says the class of an image: its folder, a label file, or nothing, as in an album. `auto` finds out."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from core.errors import BadInput
from core.filenames import printable
from core.ingest.class_layout import (
    ClassLayout,
    ImagePlacement,
    album_name,
    album_reason,
    find_layout,
    group_names,
    listed,
)
from core.ingest.class_spelling import unify_spellings
from core.ingest.folder_names import Split, split_of
from core.ingest.labels.image_index import ImageIndex
from core.ingest.labels.label_file import LabelFile, LabelProblem
from core.ingest.labels.read import ImageLabels, best_labels, read_label_files
from core.ingest.layout_questions import ask
from core.ingest.layout_reading import Layout, LayoutChoice, LayoutReading
from core.ingest.left_out import find_left_out
from core.ingest.unpack import UnpackedFile
from core.specs.protect import NO_LABEL

MAX_PROBLEMS = 200
MAX_SPELLINGS = 5  # in the notes
FOLDER_KINDS = ("splits", "classes")


def read_layout(
    images: Sequence[str],
    others: Iterable[UnpackedFile],
    *,
    requested: str,
    name: str,
    stored_paths: Mapping[str, str] | None = None,
    leave_out: Sequence[str] | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Layout:
    """Sort the images of an upload into classes.

    Args:
        images: Their paths, at least one.
        others: The files that are no images.
        requested: One of `core.specs.protect.LAYOUTS`.
        name: The dataset's name, which an album without a folder of its own takes.
        stored_paths: The path that label files know, for each image that has another one in the upload.
        leave_out: The folders whose images are left out; None for those that look like thumbnails, caches or trash.
        tick: Called while label files are read; may raise to stop.

    Raises:
        BadInput: The requested layout does not fit the upload, or a folder to leave out is not there.
        OSError: A file cannot be read from disk.
    """
    index, others = ImageIndex(images, stored_paths or {}), tuple(others)
    label_files = read_label_files(others, index, tick)
    plain = sorted({file.path for file in others} - {file.path for file in label_files})
    left_out = find_left_out(images, leave_out)
    used = [path for path in images if path not in left_out.reasons]
    sorter = _Sorter(used, label_files, name)
    kind, why = sorter.find_kind() if requested == "auto" else (requested, "It was asked for.")
    choices = tuple(sorter.choice(one) for one in ("classes", "splits", "labels", "album"))
    problem = next((choice.problem for choice in choices if choice.layout == kind), None)
    fitting = [choice.layout for choice in choices if choice.problem is None]
    if problem is not None:
        raise BadInput(f"The layout {kind} does not fit: {problem} Choose another one: auto, {', '.join(fitting)}.")
    placed, spellings = unify_spellings(sorter.place(kind), sorter.source_of(kind))
    placements = {
        path: placement if placement.label is not None else ImagePlacement(NO_LABEL, placement.split)
        for path, placement in placed.items()
    }
    without = [path for path, placement in placements.items() if placement.label == NO_LABEL]
    reading = LayoutReading(
        kind=kind,
        reason=f"{why} {_meaning(kind, sorter, placements)}",
        notes=(*_notes(sorter, kind, without), *_note_on_spellings(spellings), *_note_on_others(plain)),
        problems=sorter.problems,
        choices=choices,
        questions=ask(images, sorter.folders, left_out, kind=kind, fitting=fitting),
    )
    return Layout(reading=reading, placements=placements, left_out=left_out.reasons, label_files=label_files)


class _Sorter:
    """Every way to sort the images of one upload."""

    def __init__(self, images: Sequence[str], label_files: Sequence[LabelFile], name: str) -> None:
        self.images, self.name, self.label_files = images, name, label_files
        self.found = find_layout(images)
        self.folders: Mapping[str, ClassLayout] = {
            "splits": self.found if self.found.has_splits else find_layout(images, forced=True),
            "classes": find_layout(images, with_splits=False),
        }
        self.labels: ImageLabels | None = best_labels(label_files)
        found = (*(self.labels.problems if self.labels else ()), *(p for file in label_files for p in file.problems))
        self.problems = _shortened(sorted(found, key=lambda one: (one.path, one.line is None, one.line or 0)))

    def find_kind(self) -> tuple[str, str]:
        """The layout that `auto` chooses, and why, as a sentence."""
        if self.labels is not None and self.labels_doubt() is None:
            files = self.labels.files
            more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
            return "labels", f"The label file “{files[0].path}” ({files[0].summary}){more} names the classes."
        if self.found.has_splits and self._has_classes("splits"):
            return "splits", _splits_reason(self.found)
        reason = album_reason(self.images, self.folders["classes"])
        if reason is None and not self._has_classes("classes"):
            reason = "The folders name no classes."
        return ("classes", "Each folder is one class.") if reason is None else ("album", reason)

    def _has_classes(self, kind: str) -> bool:
        return any(self.folders[kind].place(path).label is not None for path in self.images)

    def labels_doubt(self) -> str | None:
        """Why `auto` does not use the labels; None if it does."""
        if self.labels is None:
            return "there are none"
        labelled, classes = len(self.labels.labels), len(set(self.labels.labels.values()))
        if 2 * labelled < len(self.images):
            return f"they label only {labelled:,} of {len(self.images):,} images"
        if classes < 2:
            return "they name one class only"
        return "nearly every image has another label" if classes > 2 and 2 * classes > labelled else None

    def useless_labels(self) -> str | None:
        """A file of labels with problems that labels no image; None if there is none, or another one labels images."""
        if self.labels is not None:
            return None
        return next((file.path for file in self.label_files if file.problems), None)

    def place(self, kind: str) -> dict[str, ImagePlacement]:
        """The class and the split of each image by one layout; a class is None where the layout names none."""
        if kind == "album":
            album = album_name(self.folders["classes"], self.images) or self.name
            return {path: ImagePlacement(album, None) for path in self.images}
        if kind in FOLDER_KINDS:
            return {path: self.folders[kind].place(path) for path in self.images}
        labels: Mapping[str, str] = self.labels.labels if self.labels else {}
        splits: Mapping[str, Split] = self.labels.splits if self.labels else {}
        return {path: ImagePlacement(labels.get(path), splits.get(path)) for path in self.images}

    def source_of(self, kind: str) -> Callable[[str], Hashable]:
        """Where the label of an image is written, by path: the folder of the classes, or a split of the label files."""
        if kind in FOLDER_KINDS:
            layout = self.folders[kind]
            return lambda path: (layout.root_of(path), layout.place(path).split if layout.joined_splits else None)
        splits: Mapping[str, Split] = self.labels.splits if self.labels else {}
        return splits.get

    def choice(self, kind: str) -> LayoutChoice:
        """Whether a layout fits."""
        if kind == "splits" and not self.folders["splits"].has_splits:
            return LayoutChoice(
                kind, 0, "There are no folders for training and for testing with class folders in them."
            )
        classes = {placement.label for placement in self.place(kind).values()} - {None}
        if classes:
            return LayoutChoice(kind, len(classes))
        problems = {
            "labels": "No file beside the images says their classes."
            if (path := self.useless_labels()) is None
            else f"“{printable(path)}” gives no image of the upload a class.",
            "classes": "No image lies in a folder.",
        }
        return LayoutChoice(kind, 0, problems.get(kind, "No image gets a class by it."))


def _meaning(kind: str, sorter: _Sorter, placements: Mapping[str, ImagePlacement]) -> str:
    names = {str(placement.label) for placement in placements.values()} - {NO_LABEL}
    if kind == "album":
        one = len(sorter.images) == 1
        return "It is an album of one." if one else "So all images are one album, and all get noise of one kind."
    if len(names) == 1:
        return f"There is one class, “{next(iter(names))}”."
    splits = {placement.split for placement in placements.values() if placement.label != NO_LABEL}
    return f"There are {len(names):,} classes{' and a split for testing' if {'train', 'test'} <= splits else ''}."


def _splits_reason(layout: ClassLayout) -> str:
    if layout.joined_splits:
        return "Each folder names a split and a class."
    names = group_names(layout)
    if all(split_of(name) for name in names):
        return "There are folders for training and for testing, with a folder for each class in them."
    return f"The folders {listed(names)} are parts of one dataset: a folder for each class lies in them."


def _note_on_spellings(spellings: Mapping[str, str]) -> Iterable[str]:
    for spelling, used in sorted(spellings.items())[:MAX_SPELLINGS]:
        yield f"“{spelling}” and “{used}” are one class that is written in two ways."


def _notes(sorter: _Sorter, kind: str, without: Sequence[str]) -> Iterable[str]:
    if without:
        yield (
            f"{len(without):,} of {len(sorter.images):,} images have no label, such as “{printable(without[0])}”. They "
            f"are protected too, as a class of their own, “{NO_LABEL}”, which takes no part in the evidence."
        )
    labels = sorter.labels
    if kind == "labels" and labels is not None and labels.several:
        yield (
            f"{labels.several:,} of {len(sorter.images):,} images have several labels. The class that fills most of an "
            "image counts; the noise is not made against learning the others."
        )
    if kind != "labels" and labels is not None:
        doubt = sorter.labels_doubt() or "another layout was asked for"
        yield f"The labels in “{labels.files[0].path}” are not used: {doubt}."
    if (useless := sorter.useless_labels()) is not None:
        yield f"“{printable(useless)}” gives no image of the upload a class; what is wrong with it is listed."


def _note_on_others(paths: Sequence[str]) -> Iterable[str]:
    if paths:
        what = "file is no image" if len(paths) == 1 else "files are no images"
        yield f"{len(paths):,} {what} and not protected, such as “{printable(paths[0])}”."


def _shortened(problems: Sequence[LabelProblem]) -> tuple[LabelProblem, ...]:
    if len(problems) <= MAX_PROBLEMS:
        return tuple(problems)
    rest = len(problems) - MAX_PROBLEMS
    return (*problems[:MAX_PROBLEMS], LabelProblem(problems[MAX_PROBLEMS].path, None, f"{rest:,} more problems."))
