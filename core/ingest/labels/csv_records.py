"""The records of a table as text and as cells, so that a record can be changed and the others stay byte for byte."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its first line from 1, its text with the line end, and its cells."""

    line: int
    text: str
    cells: list[str]


def records_of(text: str, delimiter: str) -> Iterator[Record]:
    """Iterate over the records of a table that are not empty.

    Args:
        text: The table.
        delimiter: What separates its cells.

    Raises:
        csv.Error: A cell has no end, or is too long.
    """
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    line = 1
    for cells in csv.reader(lines(), delimiter=delimiter):
        yield Record(line, "".join(taken), cells)
        line += len(taken)
        taken.clear()


def delimiter_of(text: str) -> str | None:
    """The delimiter that is most frequent in the first line that is not empty; None if there is none."""
    first = next((line for line in text.lstrip().splitlines()), "")[:10_000]
    delimiter = max(DELIMITERS, key=first.count)
    return delimiter if delimiter in first else None


def joined(cells: list[str], delimiter: str, *, line_end: str) -> str:
    """The text of a record.

    Args:
        cells: Its cells.
        delimiter: What separates them.
        line_end: Its line end; empty for a last line without one.
    """
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=line_end).writerow(cells)
    return out.getvalue()
