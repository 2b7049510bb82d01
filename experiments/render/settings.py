"""Tables 5 and 6 as Markdown and JSON: the settings of the noise searches, and the time that they took."""

from pathlib import Path
from statistics import fmean

from core.noise.methods import METHODS
from core.specs.configs import Preset
from experiments.paper.table5 import SearchSettings
from experiments.paper.table6 import TimeCosts
from experiments.render.context import RenderContext
from experiments.render.pages import NOTHING, facts, markdown_grid, opening, write_pages


def write_settings(table: SearchSettings, context: RenderContext) -> list[Path]:
    """Write Table 5 with the settings of the final search, whose noise the images carry.

    Args:
        table: the experiment.
        context: the results to show, and where to write the pages.

    Returns:
        The files that were written.
    """
    paper = table.paper.get(context.dataset or "", {})
    head = ("Noise", "step of radius_u", "K_u", "J", "step of radius_a", "K_a", "the paper: α_u, K_u, α_a, K_a")
    ours = {method: _setting(context.cache.preset, method) for method in ("em", "tap", "ntga", "rem")}
    lines = [[method.upper(), *setting, ", ".join(paper.get(method, ("-",)))] for method, setting in ours.items()]
    notes = ("Of the search for the final noise; the surrogate's training may search less. Nothing is measured.",)
    text = opening(table, context, notes=notes)
    value = {
        **facts(table, context),
        "columns": head[1:],
        "rows": [{"labels": line[:1], "cells": line[1:]} for line in lines],
    }
    return write_pages(table.name, [*text, "", *markdown_grid(head, lines)], value, context.out)


def _setting(preset: Preset, method: str) -> tuple[str, ...]:
    if method == "ntga":
        config = preset.ntga
        return f"{config.step:g}", str(config.steps), "-", "-", "-"
    search = preset.noise[method].final
    attacked = METHODS[method].inner == "attack"
    inner = (f"{search.inner_step:g}", str(search.inner_steps)) if attacked else ("-", "-")
    return f"{search.outer_step:g}", str(search.outer_steps), str(search.samples), *inner


def write_times(table: TimeCosts, context: RenderContext) -> list[Path]:
    """Write Table 6 with the seconds to make the noise of every training image, surrogate included.

    Args:
        table: the experiment.
        context: the results to show, and where to write the pages.

    Returns:
        The files that were written.
    """
    cache = context.cache
    paper = table.paper.get(context.dataset or "", (None,) * len(table.noises))
    taken = {
        noise: [s for seed in range(context.seeds) if (s := cache.noise_seconds(noise, seed)) is not None]
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
        "and the machine may have run other work. The paper's: on a V100 (four for ImageNet), for all of its images.",
    )
    text = opening(table, context, notes=notes)
    value = {
        **facts(table, context),
        "device": cache.device.label,
        "rows": [
            {"noise": noise.name, "seconds": seconds, "paper_hours": hours}
            for (noise, seconds), hours in zip(taken.items(), paper, strict=True)
        ],
    }
    return write_pages(
        table.name, [*text, "", *markdown_grid(("Noise", "ours", "the paper's"), lines)], value, context.out
    )
