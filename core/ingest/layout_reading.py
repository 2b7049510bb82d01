"""What says the class of an image, as the upload was read: for the user, and for the steps that follow."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.ingest.class_layout import ImagePlacement
from core.ingest.labels.label_file import LabelFile, LabelProblem
from core.ingest.layout_questions import LayoutQuestion


@dataclass(frozen=True, slots=True)
class LayoutChoice:
    """One way to sort the images of an upload into classes.

    Attributes:
        layout: "classes", "splits", "album" or "labels".
        classes: The number of classes that it gives; 0 if it does not fit.
        problem: Why it does not fit, as a sentence; None if it fits.
    """

    layout: str
    classes: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutReading:
    """How the images of an upload are sorted into classes, for the user.

    Attributes:
        kind: "classes", "splits", "album" or "labels".
        reason: What was understood, in sentences.
        notes: What else is worth knowing, a sentence each.
        problems: What is wrong in the label files.
        choices: Every layout, and whether it fits.
        questions: What is in doubt, and what was understood meanwhile.
    """

    kind: str = "classes"
    reason: str = ""
    notes: tuple[str, ...] = ()
    problems: tuple[LabelProblem, ...] = ()
    choices: tuple[LayoutChoice, ...] = ()
    questions: tuple[LayoutQuestion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The class and the split of each image, and how they were found.

    Attributes:
        reading: How, for the user.
        placements: The class and the split by path, for every image but those left out. An image without a class has
            NO_LABEL.
        left_out: Why images are left out, by path.
        label_files: Every file that labels or lists images, whatever the layout.
    """

    reading: LayoutReading
    placements: Mapping[str, ImagePlacement]
    left_out: Mapping[str, str]
    label_files: tuple[LabelFile, ...]
