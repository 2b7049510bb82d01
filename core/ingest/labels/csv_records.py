"""The records of a table as text and as cells, so that a record can be changed and the others stay byte for byte."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its first line from 1, its text with the line end, and its cells."""

    line: int
    text: str
    cells: list[str]


def records_of(text: str, delimiter: str) -> Iterator[Record]:
    """Iterate over the records of a table that are not empty. A quoted cell may follow a space.

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
    for cells in csv.reader(lines(), delimiter=delimiter, skipinitialspace=True):
        yield Record(line, "".join(taken), cells)
        line += len(taken)
        taken.clear()


def delimiter_of(text: str) -> str | None:
    """The delimiter that is most frequent in the first line that is not empty; None if there is none."""
    first = next((line for line in text.lstrip().splitlines()), "")[:10_000]
    delimiter = max(DELIMITERS, key=first.count)
    return delimiter if delimiter in first else None


def with_cells(record: Record, new: Mapping[int, str], delimiter: str) -> str:
    """The text of a record in which some cells are replaced; the others stay byte for byte.

    Args:
        record: The record.
        new: The new cells, by their place from 0.
        delimiter: What separates the cells.
    """
    text = record.text.rstrip("\r\n")
    end = record.text[len(text) :]
    written = _written_cells(text, delimiter)
    if [next(csv.reader([cell], delimiter=delimiter, skipinitialspace=True), [""]) for cell in written] != [
        [cell] for cell in record.cells
    ]:  # quotation marks in unusual places
        return _joined([new.get(place, cell) for place, cell in enumerate(record.cells)], delimiter) + end
    for place, cell in new.items():
        start = written[place][: len(written[place]) - len(written[place].lstrip(" "))]
        is_quoted = written[place].lstrip(" ").startswith('"')
        written[place] = start + ('"' + cell.replace('"', '""') + '"' if is_quoted else _joined([cell], delimiter))
    return delimiter.join(written) + end


def _written_cells(text: str, delimiter: str) -> list[str]:
    """The cells of a record as they are written, with their quotation marks and the spaces before them."""
    cell = re.compile(rf' *+(?:"(?:[^"]|"")*+")?[^{re.escape(delimiter)}]*+', re.DOTALL)
    written, place = [], 0
    while place <= len(text):
        match = cell.match(text, place)
        if match is None:
            break
        written.append(match[0])
        place = match.end() + 1
    return written


def _joined(cells: list[str], delimiter: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(cells)
    return out.getvalue()
