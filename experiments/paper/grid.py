"""A table of the paper as a grid of cells beside the paper's numbers. No torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, compress
from typing import Any

from core.errors import BadInput
from experiments.cells import Cell, Noise

Numbers = tuple[tuple[float | None, ...], ...]
DATASETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet": "the ImageNet subset"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row of a table.

    Attributes:
        labels: one label for each corner column.
        cells: one cell for each column of numbers.
    """

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the paper.

    Attributes:
        name: such as table1.
        title: what it shows.
        corner: headings of the row labels.
        columns: headings of the cells.
        rows: the rows in the paper's order.
        paper: the paper's numbers in per cent, by dataset.
        notes: sentences to print above the table.
    """

    name: str
    title: str
    corner: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    paper: Mapping[str, Numbers]
    notes: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells to measure, without repetition."""
        return tuple(dict.fromkeys(chain.from_iterable(row.cells for row in self.rows)))

    @property
    def noises(self) -> tuple[Noise, ...]:
        """The noises of the cells, without repetition."""
        return tuple(dict.fromkeys(cell.noise for cell in self.cells if cell.noise is not None))

    def select(self, *, rows: Sequence[str], columns: Sequence[str]) -> "Table":
        """A part of the table, with the paper's numbers.

        Args:
            rows: labels; a row is selected if it has one of them. Empty selects all rows.
            columns: names of columns. Empty selects all columns.

        Raises:
            BadInput: if the table does not have a label or a column.
        """
        labels = list(dict.fromkeys(chain.from_iterable(row.labels for row in self.rows)))
        row_mask = [bool({*row.labels} & {*_known("row", rows, labels)}) for row in self.rows]
        column_mask = [column in _known("column", columns, self.columns) for column in self.columns]
        return replace(
            self,
            columns=tuple(compress(self.columns, column_mask)),
            rows=tuple(
                replace(row, cells=tuple(compress(row.cells, column_mask))) for row in compress(self.rows, row_mask)
            ),
            paper={
                name: tuple(tuple(compress(line, column_mask)) for line in compress(lines, row_mask))
                for name, lines in self.paper.items()
            },
        )


def _known(what: str, requested: Sequence[str], known: Sequence[str]) -> Sequence[str]:
    for name in requested:
        if name not in known:
            raise BadInput(f"there is no {what} “{name}”; there are {', '.join(known)}")
    return requested or known


def grid(
    rows: Iterable[tuple[tuple[str, ...], Mapping[str, Any]]], noises: Sequence[Noise | None]
) -> tuple[TableRow, ...]:
    """The rows of a table that varies the noise along its columns.

    Args:
        rows: for each row its labels and the other fields of its cells.
        noises: for each column its noise, or None for clean data.
    """
    return tuple(
        TableRow(labels=labels, cells=tuple(Cell(noise=noise, **fields) for noise in noises)) for labels, fields in rows
    )


def numbers(text: str) -> Numbers:
    """Parse the paper's numbers: one row on each line, and - for a missing number."""
    return tuple(
        tuple(None if word == "-" else float(word) for word in line.split()) for line in text.strip().splitlines()
    )


def baselines(radius_u: int) -> list[Noise | None]:
    """The noises of the columns that every table of noises begins with: clean, EM, TAP, NTGA."""
    return [None, *(Noise(method=method, radius_u=radius_u) for method in ("em", "tap", "ntga"))]


def rem(radius_u: int, *radii_a: int) -> list[Noise]:
    """REM noises, one for each radius_a."""
    return [Noise(method="rem", radius_u=radius_u, radius_a=radius_a) for radius_a in radii_a]


BASELINES = ("Clean", "EM", "TAP", "NTGA")


def of_255(radius: int) -> str:
    """A radius in the paper's notation: 4/255, or 0 for standard training."""
    return f"{radius}/255" if radius else "0"
