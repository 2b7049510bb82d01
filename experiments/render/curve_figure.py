"""A figure of curves as SVG, and its points as Markdown and JSON."""

from pathlib import Path

from core.reports.axes import round_up
from core.runtime.atomic_files import write_bytes
from experiments.cells import Cell
from experiments.measurement_record import Measurement
from experiments.paper.curve_figure import ChartSpec, CurveFigure, CurveSpec
from experiments.paper.grid import Table
from experiments.render.context import RenderContext
from experiments.render.pages import NOTHING, facts, markdown_grid, opening, write_pages
from experiments.render.svg import ChartLine, Panel, draw


def write_curve_figure(figure: CurveFigure, context: RenderContext) -> list[Path]:
    """Write the curves whose cells are all measured.

    Args:
        figure: the experiment.
        context: the results to show, and where to write the pages.

    Returns:
        The files that were written.
    """
    panels = [_panel(chart, figure.beside, context) for chart in figure.charts]
    drawing = context.out / f"{figure.name}.svg"
    write_bytes(drawing, draw(panels).encode())
    notes = [*figure.notes, "Lines are means over the seeds; dashed lines are the paper's, where its text has numbers."]
    text = opening(figure, context, notes=notes)
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
    value = {**facts(figure, context), "charts": charts, "notes": notes}
    return [drawing, *write_pages(figure.name, text, value, context.out)]


def _panel(chart: ChartSpec, beside: Table | None, context: RenderContext) -> Panel:
    lines = []
    for curve in chart.lines:
        runs = [_runs(cell, context) for cell in curve.cells]
        if all(runs):
            lines.append(ChartLine(name=curve.name, points=curve.points(runs)))
        if beside is not None:
            lines += _paper_line(curve, beside, context.dataset)
    highest = max((y for line in lines for _, y in line.points), default=1.0) or 1.0
    return Panel(title=chart.title, x=chart.x, y=chart.y, top=chart.top or round_up(highest), lines=tuple(lines))


def _runs(cell: Cell, context: RenderContext) -> list[Measurement]:
    return [run for seed in range(context.seeds) if (run := context.cache.load_measurement(cell, seed))]


def _paper_line(curve: CurveSpec, beside: Table, dataset: str | None) -> list[ChartLine]:
    """The paper's numbers for the cells of a curve, against the radius."""
    numbers = beside.paper.get(dataset or "", ())
    known = {
        cell: value
        for row, values in zip(beside.rows, numbers, strict=False)
        for cell, value in zip(row.cells, values, strict=True)
    }
    points = [(float(cell.radius), value) for cell in curve.cells if (value := known.get(cell)) is not None]
    return [ChartLine(name=curve.name, points=tuple(points), dashed=True)] if points else []


def _points_table(panel: Panel) -> list[str]:
    xs = sorted({x for line in panel.lines for x, _ in line.points})
    lines = [
        [line.name + (" (paper)" if line.dashed else ""), *(_value(dict(line.points).get(x)) for x in xs)]
        for line in panel.lines
    ]
    return markdown_grid([f"{panel.y}, by {panel.x}", *(f"{x:g}" for x in xs)], lines)


def _value(y: float | None) -> str:
    return NOTHING if y is None else f"{y:.2f}"
