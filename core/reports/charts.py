"""The geometry of a report's charts, which the templates draw as SVG in the width and the colours of the page.

Positions are in per cent of the plot, so that text keeps its size when the page becomes narrow. Heights of bar charts
are in pixels.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.reports.axes import Axis, Tick, polyline, spread_labels
from core.reports.wording import capitalize, format_interval, percent
from core.results.difference import Interval
from core.results.evidence import Curve, Evidence, EvidenceRow

BAR, BAR_GAP, NAME_LINE, NAME_GAP, GROUP_GAP, TOP, BOTTOM = 20, 4, 17, 7, 18, 4, 26  # pixels
ARM_NAMES = {"before": "originals", "after": "protected", "rest": "the clean rest alone"}
MAX_NAME_CHARS = 40  # of the name of a group in one line, on a narrow screen
LABEL_DISTANCE = 9.0  # of two labels of a curve chart, in per cent of its height
CURVE_TOPS = (0.25, 0.5, 0.75, 1.0)  # accuracies at which the axis of curve charts may end
SINGLE_POINT = 4.0  # length of the line that shows a single point, in per cent of the width


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One accuracy with its 95 % interval; lengths in per cent of the width.

    Attributes:
        arm: "before" or "after".
        y: The upper edge.
        value: The accuracy.
        low: Lower end of the interval.
        high: Upper end of the interval.
        text: The accuracy as text.
    """

    arm: str
    y: int
    value: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BarGroup:
    """The bars of one evidence row under its name.

    Attributes:
        names: The training of the row, a part in each line, so that it fits a narrow screen.
        name_y: Base line of the first part, in pixels; the others follow at `NAME_LINE`.
        bars: The bar before and the bar after, `y` in pixels.
    """

    names: tuple[str, ...]
    name_y: int
    bars: tuple[Bar, Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """The accuracies before and after protection, one group for each evidence row."""

    height: int
    plot_top: int
    plot_bottom: int
    bar_height: int
    name_line: int
    groups: tuple[BarGroup, ...]
    chance: float
    ticks: tuple[Tick, ...]
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveLine:
    """One learning curve; positions count down from the top."""

    arm: str
    name: str
    points: str
    end_y: float
    label_y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveChart:
    """Accuracy on clean test images over the epochs of one row."""

    name: str
    lines: tuple[CurveLine, ...]
    chance_y: float
    ticks: tuple[Tick, ...]
    epochs: int
    description: str


def bar_chart(evidence: Evidence) -> BarChart:
    """The bars of all rows, from 0 to 100 %."""
    groups, y = [], TOP
    for row in evidence.rows:
        names = _name_lines(capitalize(row.name))
        first = y + len(names) * NAME_LINE + NAME_GAP
        bars = accuracy_bars(row, y=(first, first + BAR + BAR_GAP))
        groups.append(BarGroup(names=names, name_y=y + NAME_LINE - 1, bars=bars))
        y = first + 2 * BAR + BAR_GAP + GROUP_GAP
    bottom = y - GROUP_GAP + 8
    return BarChart(
        height=bottom + BOTTOM,
        plot_top=TOP,
        plot_bottom=bottom,
        bar_height=BAR,
        name_line=NAME_LINE,
        groups=tuple(groups),
        chance=evidence.chance * 100,
        ticks=Axis(low=0, high=100, start=0, end=100).ticks(4),
        description="; ".join(_describe_row(row) for row in evidence.rows) + f"; chance {percent(evidence.chance)}.",
    )


def _name_lines(name: str) -> tuple[str, ...]:
    """The parts of a long name, divided behind its first comma: the learner, and how it is trained."""
    first, comma, rest = name.partition(", ")
    return (first + ",", rest) if comma and len(name) > MAX_NAME_CHARS else (name,)


def accuracy_bars(row: EvidenceRow, *, y: tuple[int, int]) -> tuple[Bar, Bar]:
    """The bar before and the bar after protection.

    Args:
        row: The accuracies and their intervals.
        y: Upper edges of the two bars, in the unit of the drawing.
    """

    def bar(arm: str, top: int, accuracy: float, interval: Interval) -> Bar:
        low, high = interval
        text = percent(accuracy, digits=1)
        return Bar(arm=arm, y=top, value=accuracy * 100, low=low * 100, high=high * 100, text=text)

    before, after = y
    return (
        bar("before", before, row.accuracy_before, row.ci95_before),
        bar("after", after, row.accuracy_after, row.ci95_after),
    )


def curve_charts(rows: Iterable[tuple[str, Mapping[str, Curve]]], *, chance: float) -> tuple[CurveChart, ...]:
    """The learning curves of each row that has any, all on one scale.

    Args:
        rows: The name and the curves of each row, by arm.
        chance: The accuracy of a model that has learned nothing.
    """
    drawn = [(name, curves) for name, curves in rows if any(curve.epoch for curve in curves.values())]
    highest = max((a for _, curves in drawn for c in curves.values() for a in c.accuracy), default=1.0)
    top = next(top for top in CURVE_TOPS if top >= min(highest, 1.0))
    return tuple(_curve_chart(capitalize(name), curves, top=top, chance=chance) for name, curves in drawn)


def _curve_chart(name: str, curves: Mapping[str, Curve], *, top: float, chance: float) -> CurveChart:
    drawn = {arm: curves[arm] for arm in curves if arm in ARM_NAMES and curves[arm].epoch}
    last = max(curve.epoch[-1] for curve in drawn.values())
    x = Axis(low=0, high=max(last, 1), start=0, end=100)  # no curve has a point at epoch 0
    y = Axis(low=0, high=top, start=100, end=0)
    ends = {arm: y.position(curve.accuracy[-1]) for arm, curve in drawn.items()}
    labels = spread_labels(ends, distance=LABEL_DISTANCE)
    lines = tuple(
        CurveLine(
            arm=arm,
            name=ARM_NAMES[arm],
            points=_points(curve, x, y),
            end_y=ends[arm],
            label_y=labels[arm],
            text=percent(curve.accuracy[-1]),
        )
        for arm, curve in drawn.items()
    )
    return CurveChart(
        name=name,
        lines=lines,
        chance_y=y.position(chance),
        ticks=y.ticks(3 if top == 0.75 else 5),
        epochs=last,
        description="; ".join(
            f"on {line.name} from {percent(drawn[line.arm].accuracy[0])} in the first epoch to {line.text} in "
            f"the last, at best {percent(max(drawn[line.arm].accuracy))}"
            for line in lines
        ),
    )


def _points(curve: Curve, x: Axis, y: Axis) -> str:
    points = list(zip(map(float, curve.epoch), curve.accuracy, strict=True))
    if len(points) == 1:  # a line needs two ends to be seen
        (epoch, accuracy) = points[0]
        points.insert(0, (epoch - SINGLE_POINT / 100 * x.high, accuracy))
    return polyline(points, x, y, digits=2)


def _describe_row(row: EvidenceRow) -> str:
    before = f"{percent(row.accuracy_before, digits=1)} on originals (95 % interval {format_interval(row.ci95_before)})"
    after = f"{percent(row.accuracy_after, digits=1)} on protected images ({format_interval(row.ci95_after)})"
    return f"{capitalize(row.name)}: {before}, {after}"
