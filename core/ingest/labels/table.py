"""Tables that name an image and its class in each row: Hugging Face metadata.csv, Kaggle's train.csv, and the like."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.filenames import is_image, suffix
from core.ingest.folder_names import Split, split_of
from core.ingest.labels.class_name import class_name
from core.ingest.labels.column_names import (
    BOX_NAMES,
    IMAGE_NAMES,
    LABEL_NAMES,
    SPLIT_NAMES,
    normalized,
    position_of,
)
from core.ingest.labels.csv_records import Record, delimiter_of, records_of
from core.ingest.labels.image_index import ImageIndex
from core.ingest.labels.label_file import LabelEntry, LabelFile, ReferenceForm, limited, split_of_name
from core.ingest.labels.problem_list import ProblemList
from core.ingest.labels.references import References
from core.ingest.labels.text_file import TextFile
from core.ingest.unpack import UnpackedFile

SUFFIXES = (".csv", ".tsv", ".txt")
SAMPLE = 200  # records by which the columns are told apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where a table has what, from 0.

    Attributes:
        header: The cells of the header; empty if there is none.
        image: The column that names the image.
        label: The column that names the class; None if there is none.
        split: The column that names the split; None if there is none.
        box: The columns of a box: left, top, right, bottom; None if there are none.
        one_of: Columns of 0 and 1, each of which is a class; empty if there are none.
    """

    header: tuple[str, ...]
    image: int
    label: int | None = None
    split: int | None = None
    box: tuple[int, ...] | None = None
    one_of: tuple[int, ...] = ()

    @property
    def needed(self) -> int:
        """How many cells a row needs."""
        return 1 + max(self.image, -1 if self.label is None else self.label, *self.one_of, 0)

    @property
    def summary(self) -> str:
        """The columns for the user."""
        image = f"column “{self.header[self.image]}”" if self.header else f"column {self.image + 1}"
        if self.one_of:
            return f"{image} and {len(self.one_of)} columns of 0 and 1"
        if self.label is None:
            return f"{image}, no labels"
        return f"{image} and {'“' + self.header[self.label] + '”' if self.header else self.label + 1}"


def parse_table(file: UnpackedFile, text: TextFile, index: ImageIndex) -> LabelFile | None:
    """Read a table of images.

    Args:
        file: The file.
        text: Its text.
        index: The images of the upload.

    Returns:
        What it says; None if it is no table of images.
    """
    one_column = None if suffix(file.path) == ".txt" else ","  # such as Kaggle's test.csv; a text is no table then
    delimiter = delimiter_of(text.text or "") or one_column
    if delimiter is None or text.text is None:
        return None
    problems = ProblemList(file.path)
    references = References(index, file.path, problems)
    sample = _sample(text.text, delimiter)
    columns = _find_columns(sample, index, file.path)
    if columns is None:
        return None
    if "submission" in file.path.rpartition("/")[2].lower():  # Kaggle's sample: its labels are placeholders
        columns = Columns(header=columns.header, image=columns.image)
    entries = limited(_entries(text.text, delimiter, columns, references, problems, file.path))
    if text.problem:
        problems.add("encoding", None, f"It {text.problem}.")
    return LabelFile(
        path=file.path,
        disk_path=file.disk_path,
        family="table",
        summary=columns.summary,
        entries=entries,
        problems=problems.finish(),
        references=ReferenceForm(
            form="table",
            encoding=text.encoding,
            delimiter=delimiter,
            column=columns.image,
            images=references.images,
        ),
    )


def _sample(text: str, delimiter: str) -> list[Record]:
    sample: list[Record] = []
    try:
        for record in records_of(text, delimiter):
            if any(record.cells):
                sample.append(record)
            if len(sample) > SAMPLE:
                break
    except csv.Error:
        pass  # the records before the error say what the columns are
    return sample


def _find_columns(sample: Sequence[Record], index: ImageIndex, path: str) -> Columns | None:
    if len(sample) < 2:
        return None
    first, names = sample[0].cells, [normalized(cell) for cell in sample[0].cells]
    known = any(name in IMAGE_NAMES or name in LABEL_NAMES for name in names)
    has_header = known or not any(index.find(cell, path).path for cell in first)
    rows = [record.cells for record in (sample[1:] if has_header else sample)]
    image = _image_column(names if has_header else [], rows, index, path)
    if image is None:
        return None
    if not has_header:
        return Columns(header=(), image=image, label=image + 1 if len(first) > image + 1 else None)
    others = [name if place != image else "" for place, name in enumerate(names)]
    label = position_of(others, LABEL_NAMES)
    one_of = () if label is not None else _one_of(others, rows)
    if label is None and not one_of and len(names) == 2:
        label = 1 - image
    box = next((tuple(others.index(name) for name in four) for four in BOX_NAMES if set(four) <= set(others)), None)
    split = position_of(others, SPLIT_NAMES)
    if split is not None and not any(len(row) > split and split_of(row[split]) for row in rows):
        split = None
    header = tuple(cell.strip() for cell in first)
    return Columns(header=header, image=image, label=label, split=split, box=box, one_of=one_of)


def _image_column(names: Sequence[str], rows: Sequence[list[str]], index: ImageIndex, path: str) -> int | None:
    """The column that names images: in at least a tenth of the rows, or by its own name beside a column of labels."""
    best: tuple[tuple[bool, int, int, int], int] | None = None
    for column in range(max(map(len, rows))):
        cells = [row[column] for row in rows if len(row) > column and row[column].strip()]
        name = names[column] if column < len(names) else ""
        named = [cell for cell in cells if name in IMAGE_NAMES or is_image(cell.strip())]  # else any number is an id
        found = sum(index.find(cell, path).path is not None for cell in named)
        place = IMAGE_NAMES.index(name) if name in IMAGE_NAMES else len(IMAGE_NAMES)
        rank = (2 * found >= len(rows), -place, len(set(cells)), -column)
        if found and 10 * found >= len(rows) and (best is None or rank > best[0]):
            best = (rank, column)
    if best is not None:
        return best[1]
    clear = position_of(names, IMAGE_NAMES[:-3])
    return clear if clear is not None and position_of(names, LABEL_NAMES) is not None else None


def _one_of(names: Sequence[str], rows: Sequence[list[str]]) -> tuple[int, ...]:
    """The columns that hold only 0 and 1, if there are at least two."""
    whole = [row for row in rows if len(row) == len(names)]
    binary = tuple(
        column
        for column, name in enumerate(names)
        if name and whole and {row[column].strip() for row in whole} <= {"0", "1", "0.0", "1.0"}
    )
    return binary if len(binary) >= 2 else ()


def _entries(
    text: str, delimiter: str, columns: Columns, references: References, problems: ProblemList, path: str
) -> Iterator[LabelEntry]:
    split_of_file = split_of_name(PurePosixPath(path).stem)
    header = bool(columns.header)
    line = 1
    try:
        for record in records_of(text, delimiter):
            line, cells = record.line, record.cells
            if header or not any(cells):
                header = header and not any(cells)
                continue
            if len(cells) < columns.needed:
                problem = f"It has {len(cells)} cells, and the table needs {columns.needed}; the line is not used."
                problems.add("lines with too few cells", line, problem)
                continue
            image = references.resolve(cells[columns.image], line)
            if image is not None:
                yield from _entries_of_row(cells, columns, image, line, _split(cells, columns) or split_of_file)
    except csv.Error as error:
        problem = f"The table cannot be read from here on: {error}. Perhaps a quotation mark is not closed."
        problems.add("unreadable tables", line, problem)


def _entries_of_row(
    cells: list[str], columns: Columns, image: str, line: int, split: Split | None
) -> Iterator[LabelEntry]:
    if columns.one_of:
        names = [columns.header[column] for column in columns.one_of if cells[column].strip() in ("1", "1.0")]
        for name in names or [""]:
            yield LabelEntry(
                image=image, label=class_name(name), line=line, split=split, area=1.0 if len(names) > 1 else None
            )
        return
    label = None if columns.label is None else class_name(cells[columns.label])
    yield LabelEntry(image=image, label=label, line=line, split=split, area=_area(cells, columns))


def _split(cells: list[str], columns: Columns) -> Split | None:
    if columns.split is None or len(cells) <= columns.split:
        return None
    return split_of(cells[columns.split])


def _area(cells: list[str], columns: Columns) -> float | None:
    if columns.box is None:
        return None
    try:
        left, top, right, bottom = (float(cells[column]) for column in columns.box)
    except (ValueError, IndexError):
        return None
    area = (right - left) * (bottom - top)
    return area if 0 <= area < float("inf") else None
