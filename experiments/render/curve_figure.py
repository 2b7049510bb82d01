"""A figure of lines as SVG, and its points as Markdown and JSON."""

from pathlib import Path

from core.reports.axes import round_up
from core.runtime.atomic_files import write_bytes
from experiments.measure import ExperimentCache
from experiments.paper.curve_figure import ChartSpec, CurveFigure, CurveSpec
from experiments.paper.grid import Table
from experiments.render.pages import NOTHING, facts, markdown_grid, opening, write_pages
from experiments.render.svg import ChartLine, Panel, draw


def write_curve_figure(
    figure: CurveFigure, cache: ExperimentCache, out: Path, *, seeds: int, dataset: str | None
) -> list[Path]:
    """The figure as far as it is measured."""
    panels = [_panel(chart, figure.beside, cache, seeds=seeds, dataset=dataset) for chart in figure.charts]
    drawing = out / f"{figure.name}.svg"
    write_bytes(drawing, draw(panels).encode())
    notes = [*figure.notes, "Lines are means over the seeds; dashed lines are the paper's, where its text has numbers."]
    text = opening(figure, cache, seeds=seeds, dataset=dataset, notes=notes)
    text += ["", f"![{figure.title}]({drawing.name})"]
    for panel in panels:
        text += ["", f"## {panel.title}", "", *_points_table(panel)]
    charts = [
        {
            "title": panel.title,
            "x": panel.x,
            "y": panel.y,
            "lines": [{"name": line.name, "paper": line.dashed, "points": line.points} for line in panel.lines],
        }
        for panel in panels
    ]
    value = {**facts(figure, cache, seeds=seeds, dataset=dataset), "charts": charts, "notes": notes}
    return [drawing, *write_pages(figure.name, text, value, out)]


def _panel(chart: ChartSpec, beside: Table | None, cache: ExperimentCache, *, seeds: int, dataset: str | None) -> Panel:
    lines = []
    for drawn in chart.lines:
        runs = [[run for seed in range(seeds) if (run := cache.load_measurement(cell, seed))] for cell in drawn.cells]
        if all(runs):
            lines.append(ChartLine(name=drawn.name, points=drawn.points(runs)))
        if beside is not None:
            lines += _paper_line(drawn, beside, dataset)
    highest = max((y for line in lines for _, y in line.points), default=1.0) or 1.0
    return Panel(title=chart.title, x=chart.x, y=chart.y, top=chart.top or round_up(highest), lines=tuple(lines))


def _paper_line(drawn: CurveSpec, beside: Table, dataset: str | None) -> list[ChartLine]:
    """The paper's numbers for the cells of a line against the radius."""
    numbers = beside.paper.get(dataset or "", ())
    known = {
        cell: value
        for row, values in zip(beside.rows, numbers, strict=False)
        for cell, value in zip(row.cells, values, strict=True)
    }
    points = [(float(cell.radius), value) for cell in drawn.cells if (value := known.get(cell)) is not None]
    return [ChartLine(name=drawn.name, points=tuple(points), dashed=True)] if points else []


def _points_table(panel: Panel) -> list[str]:
    xs = sorted({x for line in panel.lines for x, _ in line.points})
    lines = [
        [line.name + (" (paper)" if line.dashed else ""), *(_value(dict(line.points).get(x)) for x in xs)]
        for line in panel.lines
    ]
    return markdown_grid([f"{panel.y}, by {panel.x}", *(f"{x:g}" for x in xs)], lines)


def _value(y: float | None) -> str:
    return NOTHING if y is None else f"{y:.2f}"
