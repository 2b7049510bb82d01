"""The heat map of a verification: a column for each training, a row for each architecture, countermeasure and share.

The colour of a cell shows, in tenths, how much a model still learns of what the originals teach above chance. For a
dataset alone it shows how far the accuracy is above chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.reports.verdict import outcome_of
from core.results.training_names import training_name
from core.results.verification import VerificationEvidence, VerificationReport
from core.results.verification_row import VerificationRow
from core.specs.catalog import COUNTERMEASURE_INFO, LEARNER_LABELS
from core.specs.verify import Training, VerifySpec

MAX_LEVEL = 10
NO_COUNTERMEASURE_LABEL = "on the images as they are"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMapCell:
    """One row of the report; accuracies as text, in per cent without the sign.

    Attributes:
        accuracy: After training on the protected images, or on the dataset alone.
        before: After training on the originals; None for a dataset alone.
        difference: From `before` to `accuracy`, with its sign.
        rest: After training on the clean rest alone; None if it was not measured.
        runs: The lowest and the highest of several runs; None for a single run.
        outcome: Whether protection is shown; None for a dataset alone.
        level: The colour, 0 to MAX_LEVEL.
    """

    accuracy: str
    before: str | None
    difference: str | None
    rest: str | None
    runs: str | None
    outcome: str | None
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMapRow:
    """One way to learn, and a cell for each training.

    Attributes:
        architecture: Name of the network.
        countermeasure: What is done to the images.
        protected: Which images are protected; None if all are.
        cells: None for each cell that is not measured, or not yet.
        possible: Whether each cell can be measured: a linear probe has no adversarial training.
    """

    architecture: str
    countermeasure: str
    protected: str | None
    cells: tuple[HeatMapCell | None, ...]
    possible: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """The whole map.

    Attributes:
        columns: Names of the trainings.
        rows: One for each other combination of what was requested.
        compares: Whether protected images are compared with originals; False for a dataset alone.
    """

    columns: tuple[str, ...]
    rows: tuple[HeatMapRow, ...]
    compares: bool


def heat_map(report: VerificationReport) -> HeatMap:
    """The heat map of a verification, finished or not."""
    spec = VerifySpec.parse(report.spec)
    cells = dict(zip(spec.rows, (_cell(row, report.evidence) for row in report.evidence.rows), strict=False))
    width = len(spec.trainings)
    lines = [spec.combinations[first : first + width] for first in range(0, len(spec.combinations), width)]
    return HeatMap(
        columns=tuple(map(training_label, spec.trainings)),
        rows=tuple(
            HeatMapRow(
                architecture=LEARNER_LABELS[line[0].architecture],
                countermeasure=_countermeasure(line[0].countermeasure),
                protected=_protected(line[0].percentage, spec.protected_class),
                cells=tuple(cells.get(row) for row in line),
                possible=tuple(row.is_possible for row in line),
            )
            for line in lines
            if any(row.is_possible for row in line)
        ),
        compares=report.target is not None,
    )


def training_label(training: Training) -> str:
    """A training in two or three words, such as 'Standard' or 'Linf 4/255'."""
    if not training.radius:
        return "Standard"
    name = training_name(training.norm, training.radius, None)
    return name.removeprefix("adversarial training, ").replace(" radius", "")


def _countermeasure(name: str | None) -> str:
    return COUNTERMEASURE_INFO[name].description if name in COUNTERMEASURE_INFO else NO_COUNTERMEASURE_LABEL


def _protected(percentage: int, name: str | None) -> str | None:
    if name is not None:
        return f"“{name}” alone protected"
    return None if percentage == 100 else f"{percentage} % protected"


def _cell(row: VerificationRow, measured: VerificationEvidence) -> HeatMapCell:
    before, after, chance = row.before.accuracy, row.after, measured.chance
    compared = row.comparison
    if after is None or compared is None:
        return HeatMapCell(
            accuracy=_points(before),
            before=None,
            difference=None,
            rest=None,
            runs=_range(row.before.runs),
            outcome=None,
            level=_level(before - chance, 1 - chance),
        )
    return HeatMapCell(
        accuracy=_points(after.accuracy),
        before=_points(before),
        difference=f"{100 * (after.accuracy - before):+.1f}".replace("-", "−"),
        rest=None if row.rest is None else _points(row.rest.accuracy),
        runs=_range(after.runs),
        outcome=outcome_of(compared, chance=chance),
        level=_level(after.accuracy - chance, before - chance),
    )


def _level(part: float, whole: float) -> int:
    """The share in tenths; the strongest colour if the originals teach nothing above chance."""
    return MAX_LEVEL if whole <= 0 else max(0, min(MAX_LEVEL, round(MAX_LEVEL * part / whole)))


def _points(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def _range(runs: Sequence[float]) -> str | None:
    return None if len(runs) < 2 else f"{_points(min(runs))} to {_points(max(runs))}"
