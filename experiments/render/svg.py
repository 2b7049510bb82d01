"""Line charts as SVG that stands alone: panels side by side, one legend below."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM, LEGEND = 300, 220, 46, 30, 14, 42, 20
COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#8a8a8a")  # Okabe & Ito


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a chart. Lines of one `name` have one colour; `dashed` are the paper's."""

    name: str
    points: tuple[tuple[float, float], ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart; y runs from 0 to `top`, x from the least to the largest of its lines."""

    title: str
    x: str
    y: str
    top: float
    lines: tuple[Line, ...]


def draw(panels: Sequence[Panel]) -> str:
    """The panels as one SVG document."""
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
    low, high = min(xs), max(xs)
    wide, high_px = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x: float, y: float) -> str:
        right = LEFT + wide * ((x - low) / (high - low) if high > low else 0.5)
        return f"{right:.1f},{TOP + high_px * (1 - min(y, panel.top) / panel.top):.1f}"

    parts = [f'<text x="{LEFT}" y="{TOP - 12}" font-weight="bold">{escape(panel.title)}</text>']
    for step in range(5):
        y = panel.top * step / 4
        at = place(low, y).split(",")[1]
        parts.append(f'<path d="M{LEFT} {at}h{wide}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{at}" dy="4" text-anchor="end">{y:g}</text>')
    for x, anchor in ((low, "start"), (high, "end")):
        at = place(x, 0).split(",")[0]
        parts.append(f'<text x="{at}" y="{HEIGHT - BOTTOM + 15}" text-anchor="{anchor}">{x:g}</text>')
    parts.append(f'<text x="{LEFT + wide / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(panel.x)}</text>')
    turned = f'transform="rotate(-90)" x="{-TOP - high_px / 2}" y="11" text-anchor="middle"'
    parts.append(f"<text {turned}>{escape(panel.y)}</text>")
    for line in panel.lines:
        dash = ' stroke-dasharray="4 3"' if line.dashed else ""
        points = " ".join(place(x, y) for x, y in line.points)
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
