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
    """One row: what it is called, one word a corner column, and its cells."""

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: `corner` heads the labels, `columns` the cells; `paper` has the paper's numbers by dataset, per cent."""

    name: str
    title: str
    corner: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    paper: Mapping[str, Numbers]
    notes: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[Cell, ...]:
        """What has to be measured, each once."""
        return tuple(dict.fromkeys(chain.from_iterable(row.cells for row in self.rows)))

    @property
    def noises(self) -> tuple[Noise, ...]:
        """The noises of the cells."""
        return tuple(dict.fromkeys(cell.noise for cell in self.cells if cell.noise is not None))

    def part(self, *, rows: Sequence[str], columns: Sequence[str]) -> "Table":
        """The rows that have one of these labels, and these columns, with the paper's numbers; none named takes all.

        Raises BadInput for a label or a column that the table has not.
        """
        labels = list(dict.fromkeys(chain.from_iterable(row.labels for row in self.rows)))
        down = [bool({*row.labels} & {*_known("row", rows, labels)}) for row in self.rows]
        across = [column in _known("column", columns, self.columns) for column in self.columns]
        return replace(
            self,
            columns=tuple(compress(self.columns, across)),
            rows=tuple(replace(row, cells=tuple(compress(row.cells, across))) for row in compress(self.rows, down)),
            paper={
                name: tuple(tuple(compress(line, across)) for line in compress(lines, down))
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
    """Rows of a table: one for each pair of labels and Cell fields, with a cell for each noise. None is clean data."""
    return tuple(
        TableRow(labels=labels, cells=tuple(Cell(noise=noise, **fields) for noise in noises)) for labels, fields in rows
    )


def numbers(text: str) -> Numbers:
    """The paper's numbers, a row a line; - where the paper, or our copy of it, has none."""
    return tuple(
        tuple(None if word == "-" else float(word) for word in line.split()) for line in text.strip().splitlines()
    )


def baselines(radius_u: int) -> list[Noise | None]:
    """The columns that every table of noises begins with: clean, EM, TAP, NTGA."""
    return [None, *(Noise(method=method, radius_u=radius_u) for method in ("em", "tap", "ntga"))]


def rem(radius_u: int, *radii_a: int) -> list[Noise]:
    """REM at each radius_a."""
    return [Noise(method="rem", radius_u=radius_u, radius_a=radius_a) for radius_a in radii_a]


BASELINES = ("Clean", "EM", "TAP", "NTGA")


def of_255(radius: int) -> str:
    """A radius as the paper writes it: 4/255, and 0 for standard training."""
    return f"{radius}/255" if radius else "0"
