"""Figures of curves: the common parts of Figures 1, 2, 7 and 8. No torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean

from experiments.cells import Cell, Noise
from experiments.measurement_record import Measurement
from experiments.paper.grid import Table

Points = tuple[tuple[float, float], ...]
Runs = Sequence[Sequence[Measurement]]  # by cell, then by seed


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveSpec:
    """A curve of a figure.

    Attributes:
        name: in the legend.
        cells: the cells whose measurements give its points.
        points: computes the points from the measurements.
    """

    name: str
    cells: tuple[Cell, ...]
    points: Callable[[Runs], Points]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSpec:
    """A panel of a figure.

    Attributes:
        title: above the panel.
        x: label of the horizontal axis.
        y: label of the vertical axis, which begins at 0.
        top: end of the vertical axis; None to fit it to the points.
        lines: the curves.
    """

    title: str
    x: str
    y: str
    top: float | None
    lines: tuple[CurveSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFigure:
    """A figure of charts.

    Attributes:
        name: such as figure1.
        title: what it shows.
        charts: its panels.
        notes: sentences to print above the charts.
        beside: a table whose numbers from the paper are drawn too, as dashed curves.
    """

    name: str
    title: str
    charts: tuple[ChartSpec, ...]
    notes: tuple[str, ...] = ()
    beside: Table | None = None

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells to measure, without repetition."""
        return tuple(dict.fromkeys(chain.from_iterable(line.cells for chart in self.charts for line in chart.lines)))

    @property
    def noises(self) -> tuple[Noise, ...]:
        """The noises of the cells, without repetition."""
        return tuple(dict.fromkeys(cell.noise for cell in self.cells if cell.noise is not None))


def by_radius(name: str, noise: Noise | None, radii: Sequence[int]) -> CurveSpec:
    """A curve of the test accuracy in per cent, averaged over seeds, against the radius of adversarial training.

    Args:
        name: in the legend.
        noise: of all cells, or None for clean data.
        radii: of adversarial training, in pixel units of 255.
    """

    def points(runs: Runs) -> Points:
        means = (100 * fmean(run.accuracy for run in seeds) for seeds in runs)
        return tuple((float(radius), round(mean, 2)) for radius, mean in zip(radii, means, strict=True))

    return CurveSpec(name=name, cells=tuple(Cell(noise=noise, radius=radius) for radius in radii), points=points)


def by_updates(name: str, cell: Cell, value: Callable[[Measurement], Sequence[float]]) -> CurveSpec:
    """A curve of a value during the training of one cell, averaged over seeds.

    Args:
        name: in the legend.
        cell: the cell.
        value: takes the values from a measurement, one for each of its `updates`.
    """

    def points(runs: Runs) -> Points:
        (seeds,) = runs
        columns = zip(seeds[0].updates, *(value(run) for run in seeds), strict=True)
        return tuple((float(updates), round(fmean(values), 4)) for updates, *values in columns)

    return CurveSpec(name=name, cells=(cell,), points=points)


def per_cent(values: Sequence[float]) -> list[float]:
    """Convert fractions to per cent."""
    return [100 * value for value in values]
