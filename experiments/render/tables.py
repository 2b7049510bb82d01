"""A table as Markdown and JSON, with our numbers beside the paper's."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.cells import Cell
from experiments.measure import ExperimentCache
from experiments.paper.grid import Table, TableRow
from experiments.render.context import RenderContext
from experiments.render.pages import NOTHING, facts, markdown_grid, opening, write_pages


def write_table(table: Table, context: RenderContext) -> list[Path]:
    """Write the table with the cells that are measured.

    Args:
        table: the experiment.
        context: the results to show, and where to write the pages.

    Returns:
        The files that were written.
    """
    seeds, dataset = context.seeds, context.dataset
    paper = table.paper.get(dataset or "") or [[None] * len(table.columns)] * len(table.rows)
    entries = [
        [_entry(context.cache, cell, seeds, number) for cell, number in zip(row.cells, numbers, strict=True)]
        for row, numbers in zip(table.rows, paper, strict=True)
    ]
    entry = f"ours{' ± standard deviation over seeds' if seeds > 1 else ''}{' / the paper' if dataset else ''}"
    text = opening(table, context, notes=table.notes, entry=f"{entry}; {NOTHING} is not measured yet")
    text += ["", *markdown_grid([*table.corner, *table.columns], _lines(table.rows, entries))]
    value = {
        **facts(table, context),
        "columns": table.columns,
        "rows": [{"labels": row.labels, "cells": cells} for row, cells in zip(table.rows, entries, strict=True)],
        "notes": table.notes,
    }
    return write_pages(table.name, text, value, context.out)


def _entry(cache: ExperimentCache, cell: Cell, seeds: int, paper: float | None) -> dict[str, Any]:
    measured = [cache.load_measurement(cell, seed) for seed in range(seeds)]
    ours = [round(100 * run.accuracy, 2) for run in measured if run is not None]
    return {"cell": cell.name, "ours": ours, **mean_and_spread(ours), "paper": paper}


def mean_and_spread(values: Sequence[float]) -> dict[str, float | None]:
    """The mean, and the sample standard deviation.

    Args:
        values: one for each seed.

    Returns:
        `mean`, None without values, and `spread`, None with fewer than two; both rounded to 2 digits.
    """
    return {
        "mean": round(statistics.fmean(values), 2) if values else None,
        "spread": round(statistics.stdev(values), 2) if len(values) > 1 else None,
    }


def _lines(rows: Sequence[TableRow], entries: Sequence[Sequence[dict[str, Any]]]) -> list[list[str]]:
    return [[*row.labels, *map(_format, found)] for row, found in zip(rows, entries, strict=True)]


def _format(entry: dict[str, Any]) -> str:
    """Our mean and spread, and the paper's number: 27.3 ± 0.4 / 27.09."""
    ours = NOTHING if entry["mean"] is None else f"{entry['mean']:.1f}"
    spread = "" if entry["spread"] is None else f" ± {entry['spread']:.1f}"
    return ours + spread + ("" if entry["paper"] is None else f" / {entry['paper']:.2f}")
