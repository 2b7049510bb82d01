"""The rows of a verification as a heat map: a column for each training, a line for each way of getting at pictures.

A cell's colour is how much of what the originals teach above chance is still learned, in tenths; for a dataset alone,
how far above chance its own accuracy is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from core.reports.wording import outcome
from core.results.evidence import training_name
from core.results.verification import Measured, VerifyReport, VerifyRow
from core.specs.catalog import ARCHITECTURE_LABELS, COUNTERMEASURE_INFO
from core.specs.verify import Training, VerifySpec

UNTOUCHED = "on the pictures as they are"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One row of the report. `main` is what is measured in the end; `level` is its colour, 0 to 10."""

    main: str
    before: str | None  # None for a dataset alone, whose one number is `main`
    difference: str | None
    rest: str | None
    runs: str | None
    words: str | None  # whether protection is shown
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLine:
    """One line: what is learned from, and a cell for each training; None for one that is still to come."""

    architecture: str
    countermeasure: str
    protected: str | None  # what of the pictures, where not all are
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """What the template draws."""

    trainings: tuple[str, ...]
    lines: tuple[HeatLine, ...]
    compares: bool  # before and after, or a dataset alone


def heat_map(report: VerifyReport) -> HeatMap:
    """The map of a report, whole or so far."""
    spec = VerifySpec.parse(report.spec)
    cells: list[Cell | None] = [_cell(row, report.evidence) for row in report.evidence.rows]
    cells += [None] * (report.evidence.rows_asked - len(cells))
    width, kinds = len(spec.trainings), product(spec.architectures, spec.countermeasures, spec.percentages)
    return HeatMap(
        trainings=tuple(map(column_name, spec.trainings)),
        lines=tuple(
            HeatLine(
                architecture=ARCHITECTURE_LABELS[architecture],
                countermeasure=COUNTERMEASURE_INFO[countermeasure].description
                if countermeasure in COUNTERMEASURE_INFO
                else UNTOUCHED,
                protected=_protected(percentage, spec.protected_class),
                cells=tuple(cells[number * width : (number + 1) * width]),
            )
            for number, (architecture, countermeasure, percentage) in enumerate(kinds)
        ),
        compares=report.target is not None,
    )


def _protected(percentage: int, name: str | None) -> str | None:
    if name is not None:
        return f"“{name}” alone protected"
    return None if percentage == 100 else f"{percentage} % protected"


def column_name(training: Training) -> str:
    """A training in two or three words."""
    if not training.radius:
        return "Standard"
    words = training_name(training.norm, training.radius, None)
    return words.removeprefix("adversarial training, ").replace(" radius", "")


def _cell(row: VerifyRow, measured: Measured) -> Cell:
    before, after, chance = row.before.accuracy, row.after, measured.chance
    compared = row.comparison
    if after is None or compared is None:
        return Cell(
            main=_points(before),
            before=None,
            difference=None,
            rest=None,
            runs=_runs(row.before.runs),
            words=None,
            level=_level(before - chance, 1 - chance),
        )
    return Cell(
        main=_points(after.accuracy),
        before=_points(before),
        difference=f"{100 * (after.accuracy - before):+.1f}".replace("-", "−"),
        rest=None if row.rest is None else _points(row.rest.accuracy),
        runs=_runs(after.runs),
        words=outcome(compared, chance=chance),
        level=_level(after.accuracy - chance, before - chance),
    )


def _level(left: float, whole: float) -> int:
    """`left` of `whole` in tenths, 0 to 10; 10 where there was nothing to take away."""
    return 10 if whole <= 0 else max(0, min(10, round(10 * left / whole)))


def _points(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def _runs(runs: Sequence[float]) -> str | None:
    """The lowest and the highest of several runs."""
    return None if len(runs) < 2 else f"{_points(min(runs))} to {_points(max(runs))}"
