"""Where the marks of the report's charts go; the template draws them as SVG that follows the page's width and colours.

Places are in per cent of the plot's width (and of its height for curves), so that text never scales with the picture;
heights of bar charts are in pixels.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.reports.wording import percent, span
from core.results.evidence import Curve, Evidence, EvidenceRow

BAR, GAP, LABEL, GROUP_GAP, TOP, BOTTOM = 20, 4, 24, 18, 4, 26  # pixels
NAMES = {"before": "originals", "after": "protected", "rest": "the clean rest alone"}
NUDGE = 9.0  # least distance of two labels, in per cent of a curve chart's height


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One accuracy with its 95 % interval."""

    kind: str  # "before" or "after"
    name: str
    y: int
    value: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The two bars of one evidence row under its name."""

    name: str
    y: int  # of the name's base line
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Before and after, one group a row."""

    height: int
    plot_top: int
    plot_bottom: int
    bar_height: int
    groups: tuple[Group, ...]
    chance: float
    ticks: tuple[int, ...]
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One learning curve; y counts down from the top."""

    kind: str
    name: str
    points: str
    end_y: float
    label_y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveChart:
    """Accuracy on clean test images over the epochs of one evidence row."""

    name: str
    lines: tuple[Line, ...]
    chance_y: float
    ticks: tuple[tuple[float, str], ...]  # y, label
    epochs: int
    description: str


def bar_chart(evidence: Evidence) -> BarChart:
    """The before/after chart of all rows, from 0 to 100 %."""
    groups, y = [], TOP
    for row in evidence.rows:
        base = y + LABEL - 8
        bars = []
        for i, (kind, value, interval) in enumerate(
            (("before", row.accuracy_before, row.ci95_before), ("after", row.accuracy_after, row.ci95_after))
        ):
            low, high = interval
            bars.append(
                Bar(
                    kind=kind,
                    name=NAMES[kind],
                    y=y + LABEL + i * (BAR + GAP),
                    value=value * 100,
                    low=low * 100,
                    high=high * 100,
                    text=percent(value, digits=1),
                )
            )
        groups.append(Group(name=_capital(row.name), y=base, bars=tuple(bars)))
        y += LABEL + 2 * BAR + GAP + GROUP_GAP
    bottom = y - GROUP_GAP + 8
    return BarChart(
        height=bottom + BOTTOM,
        plot_top=TOP,
        plot_bottom=bottom,
        bar_height=BAR,
        groups=tuple(groups),
        chance=evidence.chance * 100,
        ticks=(0, 25, 50, 75, 100),
        description="; ".join(_row_text(row) for row in evidence.rows) + f"; chance {percent(evidence.chance)}.",
    )


def curve_charts(evidence: Evidence) -> tuple[CurveChart, ...]:
    """The learning curves of each row that has any, all on one scale."""
    rows = [row for row in evidence.rows if any(curve.epoch for curve in row.curves.values())]
    top = scale_of(row.curves for row in rows)
    return tuple(curve_chart(_capital(row.name), row.curves, top=top, chance=evidence.chance) for row in rows)


def scale_of(charts: Iterable[Mapping[str, Curve]]) -> float:
    """The upper end of the axis that all charts share: 25, 50, 75 or 100 %, as a fraction."""
    highest = max((a for curves in charts for c in curves.values() for a in c.accuracy), default=1.0)
    return next(t for t in (0.25, 0.5, 0.75, 1.0) if t >= min(highest, 1.0))


def curve_chart(name: str, curves: Mapping[str, Curve], *, top: float, chance: float) -> CurveChart:
    """The learning curves of one row, of the kinds in NAMES; at least one has a point."""
    last = max(curve.epoch[-1] for curve in curves.values() if curve.epoch)
    ends = {kind: 100 * (1 - c.accuracy[-1] / top) for kind, c in curves.items() if kind in NAMES and c.epoch}
    labels = _apart(ends)
    lines = tuple(
        Line(
            kind=kind,
            name=NAMES[kind],
            points=_points(curves[kind], top=top, last=last),
            end_y=end,
            label_y=labels[kind],
            text=percent(curves[kind].accuracy[-1]),
        )
        for kind, end in ends.items()
    )
    steps = 5 if top in (0.25, 0.5, 1.0) else 3
    return CurveChart(
        name=name,
        lines=lines,
        chance_y=100 * (1 - min(chance, top) / top),
        ticks=tuple((100 * (1 - i / steps), f"{100 * top * i / steps:.0f}") for i in range(steps + 1)),
        epochs=last,
        description="; ".join(
            f"on {line.name} from {percent(curves[line.kind].accuracy[0])} in the first epoch to {line.text} in "
            f"the last, at best {percent(max(curves[line.kind].accuracy))}"
            for line in lines
        ),
    )


def _points(curve: Curve, *, top: float, last: int) -> str:
    """SVG points; x runs from epoch 0 (no point there) to the last epoch of the chart."""
    pairs = zip(curve.epoch, curve.accuracy, strict=True)
    places = [(100 * epoch / max(last, 1), 100 * (1 - accuracy / top)) for epoch, accuracy in pairs]
    if len(places) == 1:  # a line needs two ends to be seen
        places = [(places[0][0] - 4, places[0][1]), places[0]]
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in places)


def _apart(ends: Mapping[str, float]) -> dict[str, float]:
    """Where the label of each line goes: at its end, unless another label is too near; then both make way."""
    order = sorted(ends, key=lambda kind: ends[kind])
    places = [ends[kind] for kind in order]
    for _ in places:
        for i in range(len(places) - 1):
            push = max(0.0, (NUDGE - (places[i + 1] - places[i])) / 2)
            places[i], places[i + 1] = places[i] - push, places[i + 1] + push
    return dict(zip(order, places, strict=True))


def _row_text(row: EvidenceRow) -> str:
    before = f"{percent(row.accuracy_before, digits=1)} on originals (95 % interval {span(row.ci95_before)})"
    after = f"{percent(row.accuracy_after, digits=1)} on protected pictures ({span(row.ci95_after)})"
    return f"{_capital(row.name)}: {before}, {after}"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
