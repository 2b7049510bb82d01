"""Figures of lines: what is common to Figures 1, 2, 7 and 8. No torch."""

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
    """A line of a figure, the cells it is drawn from, and how its points come out of their measurements."""

    name: str
    cells: tuple[Cell, ...]
    points: Callable[[Runs], Points]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSpec:
    """A panel of a figure; y runs from 0 to `top`, or as far as it must where that is None."""

    title: str
    x: str
    y: str
    top: float | None
    lines: tuple[CurveSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFigure:
    """A figure of charts. `beside` is a table whose numbers of the paper are drawn too, dashed."""

    name: str
    title: str
    charts: tuple[ChartSpec, ...]
    notes: tuple[str, ...] = ()
    beside: Table | None = None

    @property
    def cells(self) -> tuple[Cell, ...]:
        """What has to be measured, each once."""
        return tuple(dict.fromkeys(chain.from_iterable(line.cells for chart in self.charts for line in chart.lines)))

    @property
    def noises(self) -> tuple[Noise, ...]:
        """The noises of the cells."""
        return tuple(dict.fromkeys(cell.noise for cell in self.cells if cell.noise is not None))


def by_radius(name: str, noise: Noise | None, radii: Sequence[int]) -> CurveSpec:
    """Test accuracy in per cent, a mean over seeds, against the radius of adversarial training."""

    def points(runs: Runs) -> Points:
        means = (100 * fmean(run.accuracy for run in seeds) for seeds in runs)
        return tuple((float(radius), round(mean, 2)) for radius, mean in zip(radii, means, strict=True))

    return CurveSpec(name=name, cells=tuple(Cell(noise=noise, radius=radius) for radius in radii), points=points)


def by_updates(name: str, cell: Cell, value: Callable[[Measurement], Sequence[float]]) -> CurveSpec:
    """A value of one cell along its training, a mean over seeds."""

    def points(runs: Runs) -> Points:
        (seeds,) = runs
        columns = zip(seeds[0].updates, *(value(run) for run in seeds), strict=True)
        return tuple((float(updates), round(fmean(values), 4)) for updates, *values in columns)

    return CurveSpec(name=name, cells=(cell,), points=points)


def per_cent(values: Sequence[float]) -> list[float]:
    """Fractions as per cent."""
    return [100 * value for value in values]
