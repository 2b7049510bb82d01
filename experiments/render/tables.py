"""A table as Markdown, with the paper's numbers beside ours, and as JSON."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.cells import Cell
from experiments.measure import ExperimentCache
from experiments.paper.grid import Table, TableRow
from experiments.render.pages import NOTHING, facts, markdown_grid, opening, write_pages


def write_table(table: Table, cache: ExperimentCache, out: Path, *, seeds: int, dataset: str | None) -> list[Path]:
    """The table as far as it is measured."""
    paper = table.paper.get(dataset or "") or [[None] * len(table.columns)] * len(table.rows)
    entries = [
        [_entry(cache, cell, seeds, number) for cell, number in zip(row.cells, numbers, strict=True)]
        for row, numbers in zip(table.rows, paper, strict=True)
    ]
    entry = f"ours{' ± standard deviation over seeds' if seeds > 1 else ''}{' / the paper' if dataset else ''}"
    text = opening(
        table, cache, seeds=seeds, dataset=dataset, notes=table.notes, entry=f"{entry}; {NOTHING} is not measured yet"
    )
    text += ["", *markdown_grid([*table.corner, *table.columns], _lines(table.rows, entries))]
    value = {
        **facts(table, cache, seeds=seeds, dataset=dataset),
        "columns": table.columns,
        "rows": [{"labels": row.labels, "cells": found} for row, found in zip(table.rows, entries, strict=True)],
        "notes": table.notes,
    }
    return write_pages(table.name, text, value, out)


def _entry(cache: ExperimentCache, cell: Cell, seeds: int, paper: float | None) -> dict[str, Any]:
    known = [cache.load_measurement(cell, seed) for seed in range(seeds)]
    ours = [round(100 * found.accuracy, 2) for found in known if found is not None]
    return {"cell": cell.name, "ours": ours, **mean_and_spread(ours), "paper": paper}


def mean_and_spread(values: Sequence[float]) -> dict[str, float | None]:
    """The mean, and the sample standard deviation over seeds where there are two or more."""
    return {
        "mean": round(statistics.fmean(values), 2) if values else None,
        "spread": round(statistics.stdev(values), 2) if len(values) > 1 else None,
    }


def _lines(rows: Sequence[TableRow], entries: Sequence[Sequence[dict[str, Any]]]) -> list[list[str]]:
    return [[*row.labels, *map(_shown, found)] for row, found in zip(rows, entries, strict=True)]


def _shown(entry: dict[str, Any]) -> str:
    """Ours, its spread, and the paper's: 27.3 ± 0.4 / 27.09."""
    ours = NOTHING if entry["mean"] is None else f"{entry['mean']:.1f}"
    spread = "" if entry["spread"] is None else f" ± {entry['spread']:.1f}"
    return ours + spread + ("" if entry["paper"] is None else f" / {entry['paper']:.2f}")
