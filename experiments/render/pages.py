"""What every experiment's Markdown and JSON begin with, and how they are written."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.runtime.atomic_files import write_bytes, write_json
from core.specs.catalog import ARCHITECTURE_LABELS
from experiments.catalogue import Experiment
from experiments.measure import ExperimentCache
from experiments.paper.grid import DATASETS

NOTHING = "–"


def write_pages(name: str, text: Sequence[str], value: dict[str, Any], out: Path) -> list[Path]:
    """Markdown and JSON of one experiment."""
    write_bytes(out / f"{name}.md", ("\n".join(text) + "\n").encode())
    write_json(out / f"{name}.json", value)
    return [out / f"{name}.md", out / f"{name}.json"]


def markdown_grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines)]


def facts(experiment: Experiment, cache: ExperimentCache, *, seeds: int, dataset: str | None) -> dict[str, Any]:
    """What every experiment's JSON begins with."""
    images = cache.images
    return {
        "name": experiment.name,
        "title": experiment.title,
        "seeds": list(range(seeds)),
        "data": {
            "name": images.name,
            "compared_with": dataset,
            "classes": images.classes,
            "size": images.size,
            "train_images": len(images.train),
            "test_images": len(images.test),
            "chance": round(100 * images.chance, 2),
        },
        "settings": cache.scale.settings(images.size),
        "updates": {architecture: cache.updates(architecture) for architecture in _architectures(experiment)},
        **_cost(experiment, cache, seeds),
    }


def opening(
    experiment: Experiment,
    cache: ExperimentCache,
    *,
    seeds: int,
    dataset: str | None,
    notes: Sequence[str] = (),
    entry: str = "",
) -> list[str]:
    """What every experiment's Markdown begins with: the setting. `entry` says what an entry of its table shows."""
    images = cache.images
    theirs = f"beside it {DATASETS[dataset]} in the paper" if dataset else "not compared with the paper"
    cost = _cost(experiment, cache, seeds)
    lines = [
        f"{images.name}: {len(images.train):,} training and {len(images.test):,} test images, {images.classes} "
        f"classes, {images.size} px; {theirs}. Chance is {100 * images.chance:.1f} %.",
        f"Scale {cache.scale.name}: noise by the preset {cache.preset.name}, whose surrogate is the "
        f"{ARCHITECTURE_LABELS[cache.preset.architecture]}.",
        *_learners(experiment, cache),
        f"Seeds: {', '.join(map(str, range(seeds)))}." + (f" Each entry: {entry}." if entry else ""),
        f"Time: {_minutes(cost['noise_seconds'])} for the noises, {_minutes(cost['learner_seconds'])} for the learners"
        + (f", on {', '.join(cost['devices'])}." if cost["devices"] else "."),
        *notes,
    ]
    return [f"# {caption(experiment.name)}: {experiment.title}", "", *(f"- {line}" for line in lines)]


def _architectures(experiment: Experiment) -> list[str]:
    return list(dict.fromkeys(cell.architecture for cell in experiment.cells))


def _learners(experiment: Experiment, cache: ExperimentCache) -> Iterator[str]:
    """Each learner: what stands in for what, and how it is trained."""
    for architecture in _architectures(experiment):
        ours, schedule = cache.scale.network(architecture), cache.schedule(architecture)
        who = (
            ARCHITECTURE_LABELS[ours]
            if ours == architecture
            else f"{ARCHITECTURE_LABELS[ours]} in place of {ARCHITECTURE_LABELS[architecture]}"
        )
        batch = min(schedule.length.batch, len(cache.images.train))
        yield (
            f"Learner: {who}, {cache.updates(architecture):,} updates of {batch} images; its adversary takes "
            f"{schedule.attack_steps} steps of {schedule.attack_step:g} radius."
        )


def _cost(experiment: Experiment, cache: ExperimentCache, seeds: int) -> dict[str, Any]:
    """Seconds of the wall that the experiment's pieces took, whenever they were made, and where."""
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
    """table1 as people write it: Table 1."""
    kind = name.rstrip("0123456789")
    return f"{kind.capitalize()} {name.removeprefix(kind)}"
