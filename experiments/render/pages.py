"""The common beginning of every experiment's Markdown and JSON, and the writing of both."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.runtime.atomic_files import write_bytes, write_json
from core.specs.catalog import ARCHITECTURE_LABELS
from core.specs.configs import OUR_DETAILS
from experiments.catalogue import Experiment
from experiments.measure import ExperimentCache
from experiments.paper.grid import DATASETS
from experiments.render.context import RenderContext

NOTHING = "–"


def write_pages(name: str, text: Sequence[str], value: dict[str, Any], out: Path) -> list[Path]:
    """Write the Markdown and JSON of one experiment.

    Args:
        name: of the experiment, which names the files.
        text: lines of the Markdown.
        value: the JSON.
        out: folder of the files.

    Returns:
        The Markdown file and the JSON file.
    """
    write_bytes(out / f"{name}.md", ("\n".join(text) + "\n").encode())
    write_json(out / f"{name}.json", value)
    return [out / f"{name}.md", out / f"{name}.json"]


def markdown_grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table.

    Args:
        head: headings of the columns.
        lines: the entries of each row.
    """
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines)]


def facts(experiment: Experiment, context: RenderContext) -> dict[str, Any]:
    """The beginning of every experiment's JSON: the data, the settings and the time.

    Args:
        experiment: the experiment.
        context: its results.
    """
    cache, images = context.cache, context.cache.images
    return {
        "name": experiment.name,
        "title": experiment.title,
        "seeds": list(range(context.seeds)),
        "data": {
            "name": images.name,
            "compared_with": context.dataset,
            "classes": images.classes,
            "size": images.size,
            "train_images": len(images.train),
            "test_images": len(images.test),
            "chance": round(100 * images.chance, 2),
        },
        "settings": cache.scale.settings(images.size),
        "updates": {architecture: cache.updates(architecture) for architecture in _architectures(experiment)},
        **_cost(experiment, context),
    }


def opening(experiment: Experiment, context: RenderContext, *, notes: Sequence[str] = (), entry: str = "") -> list[str]:
    """The beginning of every experiment's Markdown: the title, the setting and the time.

    Args:
        experiment: the experiment.
        context: its results.
        notes: sentences to add.
        entry: what an entry of its table shows; empty for an experiment without such a table.
    """
    cache, images, dataset = context.cache, context.cache.images, context.dataset
    comparison = f"beside it {DATASETS[dataset]} in the paper" if dataset else "not compared with the paper"
    cost = _cost(experiment, context)
    lines = [
        f"{images.name}: {len(images.train):,} training and {len(images.test):,} test images, {images.classes} "
        f"classes, {images.size} px; {comparison}. Chance is {100 * images.chance:.1f} %.",
        f"Scale {cache.scale.name}: noise by the preset {cache.preset.name}, whose surrogate is the "
        f"{ARCHITECTURE_LABELS[cache.preset.architecture]}.",
        "What the papers leave open is settled "
        + ("in our way" if cache.preset.details == OUR_DETAILS else "as in their official code")
        + " (docs/lab/official-code.md).",
        *_learners(experiment, cache),
        f"Seeds: {', '.join(map(str, range(context.seeds)))}." + (f" Each entry: {entry}." if entry else ""),
        f"Time: {_minutes(cost['noise_seconds'])} for the noises, {_minutes(cost['learner_seconds'])} for the learners"
        + (f", on {', '.join(cost['devices'])}." if cost["devices"] else "."),
        *notes,
    ]
    return [f"# {caption(experiment.name)}: {experiment.title}", "", *(f"- {line}" for line in lines)]


def _architectures(experiment: Experiment) -> list[str]:
    return list(dict.fromkeys(cell.architecture for cell in experiment.cells))


def _learners(experiment: Experiment, cache: ExperimentCache) -> Iterator[str]:
    """A sentence for each network of the paper: which network replaces it, and how it is trained."""
    for architecture in _architectures(experiment):
        ours, schedule = cache.scale.network(architecture), cache.schedule(architecture)
        learner = (
            ARCHITECTURE_LABELS[ours]
            if ours == architecture
            else f"{ARCHITECTURE_LABELS[ours]} in place of {ARCHITECTURE_LABELS[architecture]}"
        )
        batch = min(schedule.length.batch, len(cache.images.train))
        yield (
            f"Learner: {learner}, {cache.updates(architecture):,} updates of {batch} images; its adversary takes "
            f"{schedule.attack_steps} steps of {schedule.attack_step:g} radius."
        )


def _cost(experiment: Experiment, context: RenderContext) -> dict[str, Any]:
    """Wall-clock seconds of the noises and learners, over all runs, and their devices and versions."""
    cache, seeds = context.cache, context.seeds
    runs = [run for cell in experiment.cells for seed in range(seeds) if (run := cache.load_measurement(cell, seed))]
    noises = [s for noise in experiment.noises for seed in range(seeds) if (s := cache.noise_seconds(noise, seed))]
    return {
        "learner_seconds": round(sum(run.seconds for run in runs), 1),
        "noise_seconds": round(sum(noises), 1),
        "devices": sorted({run.device for run in runs}),
        "versions": runs[0].versions if runs else {},
    }


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def caption(name: str) -> str:
    """The name of an experiment in text: Table 1 for table1."""
    kind = name.rstrip("0123456789")
    return f"{kind.capitalize()} {name.removeprefix(kind)}"
