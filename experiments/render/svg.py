"""Line charts as one SVG document: panels side by side, one legend below."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from core.reports.axes import Axis, polyline

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM, LEGEND = 300, 220, 46, 30, 14, 42, 20
COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#8a8a8a")  # Okabe & Ito


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """A line of a panel.

    Attributes:
        name: lines of one name have one colour.
        points: pairs of an x value and a y value.
        dashed: whether the line is dashed, which marks the numbers of the paper.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart.

    Attributes:
        title: above the chart.
        x: label of the horizontal axis, which spans the points of all lines.
        y: label of the vertical axis.
        top: end of the vertical axis, which begins at 0.
        lines: in the order of the legend.
    """

    title: str
    x: str
    y: str
    top: float
    lines: tuple[ChartLine, ...]


def draw(panels: Sequence[Panel]) -> str:
    """Draw the panels as one SVG document.

    Args:
        panels: from left to right. Lines of one name have one colour in all panels.
    """
    names = list(dict.fromkeys(line.name for panel in panels for line in panel.lines))
    width, height = WIDTH * len(panels), HEIGHT + LEGEND * (1 + (len(names) - 1) // max(1, 2 * len(panels)))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    for number, panel in enumerate(panels):
        parts += [f'<g transform="translate({number * WIDTH} 0)">', *_panel(panel, colours), "</g>"]
    parts += _legend(colours, columns=max(1, 2 * len(panels)))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel, colours: dict[str, str]) -> list[str]:
    xs = [x for line in panel.lines for x, _ in line.points] or [0.0]
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    x_axis = Axis(low=min(xs), high=max(xs), start=LEFT, end=right)
    y_axis = Axis(low=0, high=panel.top, start=bottom, end=TOP)
    parts = [f'<text x="{LEFT}" y="{TOP - 12}" font-weight="bold">{escape(panel.title)}</text>']
    for tick in y_axis.ticks(4):
        y = f"{tick.position:.1f}"
        parts.append(f'<path d="M{LEFT} {y}h{right - LEFT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y}" dy="4" text-anchor="end">{tick.value:g}</text>')
    for tick, anchor in zip(x_axis.ticks(1), ("start", "end"), strict=True):
        parts.append(f'<text x="{tick.position:.1f}" y="{bottom + 15}" text-anchor="{anchor}">{tick.value:g}</text>')
    middle_x, middle_y = LEFT + (right - LEFT) / 2, -TOP - (bottom - TOP) / 2
    parts.append(f'<text x="{middle_x}" y="{HEIGHT - 10}" text-anchor="middle">{escape(panel.x)}</text>')
    rotated = f'transform="rotate(-90)" x="{middle_y}" y="11" text-anchor="middle"'
    parts.append(f"<text {rotated}>{escape(panel.y)}</text>")
    for line in panel.lines:
        dash = ' stroke-dasharray="4 3"' if line.dashed else ""
        points = polyline(line.points, x_axis, y_axis, digits=1)
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colours[line.name]}" stroke-width="1.6"{dash}/>'
        )
    return parts


def _legend(colours: dict[str, str], *, columns: int) -> list[str]:
    parts = []
    for number, (name, colour) in enumerate(colours.items()):
        x, y = LEFT + (WIDTH / 2 - 10) * (number % columns), HEIGHT + LEGEND * (number // columns) + 8
        parts.append(f'<path d="M{x} {y}h18" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{x + 24}" y="{y + 4}">{escape(name)}</text>')
    return parts
