"""What was read from one label file: its labels, its problems, and where it names images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from core.ingest.folder_names import Split, split_word, words_of

MAX_ENTRIES = 3_000_000  # of all label files together: COCO's largest has 860,000
Form = Literal["table", "json", "list", "none"]


@dataclass(frozen=True, slots=True)
class LabelProblem:
    """Something wrong in a label file: its path, the line if it is known, and a sentence for the user."""

    path: str
    line: int | None
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelEntry:
    """One statement of a label file about one image.

    Attributes:
        image: The path of the image in the upload.
        label: Its class; None where the file names the image only.
        line: The line of the statement; None if the form of the file has none.
        area: The share of the image, or its number of pixels, that an object of this class fills; None for a label of
            the whole image.
        split: The split that the file states; None if it states none.
    """

    image: str
    label: str | None
    line: int | None = None
    area: float | None = None
    split: Split | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceForm:
    """Where a label file names images, so that the names can be changed.

    Attributes:
        form: `table`: a column; `json`: the value of a key; `list`: the start of each line; `none`: nowhere.
        encoding: Of the file.
        delimiter: Of a table.
        column: Of a table, from 0.
        key: Of the JSON.
        images: The image that each reference means, by the text of the reference.
    """

    form: Form = "none"
    encoding: str = "utf-8"
    delimiter: str = ","
    column: int = 0
    key: str = ""
    images: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFile:
    """A label file.

    Attributes:
        path: Its path in the upload.
        disk_path: Where its bytes lie.
        family: The kind of its labels, as `core.ingest.labels.read.FAMILIES` lists them.
        summary: Where its labels come from, to follow its name, such as "column label".
        entries: Its statements about images of the upload.
        problems: What is wrong with it.
        references: Where it names images.
    """

    path: str
    disk_path: Path
    family: str
    summary: str
    entries: tuple[LabelEntry, ...]
    problems: tuple[LabelProblem, ...]
    references: ReferenceForm

    @property
    def is_understood(self) -> bool:
        """Whether its content was read, so that it can be delivered with the names of the delivered images."""
        return self.family == "yolo" or bool(self.entries or self.references.images or self.references.form == "table")


class TooManyLabels(Exception):
    """A label file says more about the images than is kept in memory."""


def limited(entries: Iterable[LabelEntry]) -> tuple[LabelEntry, ...]:
    """All statements of a label file. Raises TooManyLabels for more than `MAX_ENTRIES`."""
    read = tuple(islice(entries, MAX_ENTRIES + 1))
    if len(read) > MAX_ENTRIES:
        raise TooManyLabels
    return read


def split_of_name(name: str) -> Split | None:
    """The split that a name states, such as that of `instances_train2017.json`; None if it states none.

    Args:
        name: The name of a file or folder.
    """
    return next((split for word in words_of(name) if (split := split_word(word)) is not None), None)
