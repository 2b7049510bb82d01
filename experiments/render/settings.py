"""Tables 5 and 6 as Markdown and JSON: what the searches for noise are set to, and how long they took."""

from pathlib import Path
from statistics import fmean

from core.noise.methods import METHODS
from experiments.measure import ExperimentCache
from experiments.paper.table5 import SearchSettings
from experiments.paper.table6 import TimeCosts
from experiments.render.pages import NOTHING, facts, markdown_grid, opening, write_pages


def write_settings(
    table: SearchSettings, cache: ExperimentCache, out: Path, *, seeds: int, dataset: str | None
) -> list[Path]:
    """Table 5: of the final search, which makes the noise that is put on the images."""
    paper = table.paper.get(dataset or "", {})
    head = ("Noise", "step of radius_u", "K_u", "J", "step of radius_a", "K_a", "the paper: α_u, K_u, α_a, K_a")
    ours = {method: _setting(cache, method) for method in ("em", "tap", "ntga", "rem")}
    lines = [[method.upper(), *found, ", ".join(paper.get(method, ("-",)))] for method, found in ours.items()]
    notes = ("Of the search for the final noise; the surrogate's training may search less. Nothing is measured.",)
    text = opening(table, cache, seeds=seeds, dataset=dataset, notes=notes)
    value = {
        **facts(table, cache, seeds=seeds, dataset=dataset),
        "columns": head[1:],
        "rows": [{"labels": line[:1], "cells": line[1:]} for line in lines],
    }
    return write_pages(table.name, [*text, "", *markdown_grid(head, lines)], value, out)


def _setting(cache: ExperimentCache, method: str) -> tuple[str, ...]:
    if method == "ntga":
        recipe = cache.preset.ntga
        return f"{recipe.step:g}", str(recipe.steps), "-", "-", "-"
    search = cache.preset.noise[method].final
    attacked = METHODS[method].inner == "attack"
    inner = (f"{search.inner_step:g}", str(search.inner_steps)) if attacked else ("-", "-")
    return f"{search.outer_step:g}", str(search.outer_steps), str(search.samples), *inner


def write_times(table: TimeCosts, cache: ExperimentCache, out: Path, *, seeds: int, dataset: str | None) -> list[Path]:
    """Table 6: seconds from nothing to the noise of every training image."""
    paper = table.paper.get(dataset or "", (None,) * len(table.noises))
    taken = {
        noise: [s for seed in range(seeds) if (s := cache.noise_seconds(noise, seed)) is not None]
        for noise in table.noises
    }
    lines = [
        [
            noise.name,
            f"{fmean(seconds):.0f} s" if seconds else NOTHING,
            NOTHING if hours is None else f"{hours:g} h",
        ]
        for (noise, seconds), hours in zip(taken.items(), paper, strict=True)
    ]
    notes = (
        f"Ours: wall time on {cache.device.label} for the noise of all {len(cache.images.train):,} training images, "
        "with whatever else the machine did. The paper's: on a V100 (four for ImageNet), for all of its images.",
    )
    text = opening(table, cache, seeds=seeds, dataset=dataset, notes=notes)
    value = {
        **facts(table, cache, seeds=seeds, dataset=dataset),
        "device": cache.device.label,
        "rows": [
            {"noise": noise.name, "seconds": seconds, "paper_hours": hours}
            for (noise, seconds), hours in zip(taken.items(), paper, strict=True)
        ],
    }
    return write_pages(table.name, [*text, "", *markdown_grid(("Noise", "ours", "the paper's"), lines)], value, out)
