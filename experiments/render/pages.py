"""What every experiment's Markdown and JSON begin with, and how they are written."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.runtime.atomic_files import write_bytes, write_json
from core.specs.catalog import ARCHITECTURE_LABELS
from experiments.cache import ExperimentCache
from experiments.catalogue import Experiment
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


def facts(experiment: Experiment, lab: ExperimentCache, *, seeds: int, dataset: str | None) -> dict[str, Any]:
    """What every experiment's JSON begins with."""
    images = lab.images
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
        "settings": lab.scale.settings(images.size),
        "updates": {architecture: lab.updates(architecture) for architecture in _architectures(experiment)},
        **_cost(experiment, lab, seeds),
    }


def opening(
    experiment: Experiment,
    lab: ExperimentCache,
    *,
    seeds: int,
    dataset: str | None,
    notes: Sequence[str] = (),
    entry: str = "",
) -> list[str]:
    """What every experiment's Markdown begins with: the setting. `entry` says what an entry of its table shows."""
    images = lab.images
    theirs = f"beside it {DATASETS[dataset]} in the paper" if dataset else "not compared with the paper"
    cost = _cost(experiment, lab, seeds)
    lines = [
        f"{images.name}: {len(images.train):,} training and {len(images.test):,} test images, {images.classes} "
        f"classes, {images.size} px; {theirs}. Chance is {100 * images.chance:.1f} %.",
        f"Scale {lab.scale.name}: noise by the preset {lab.preset.name}, whose surrogate is the "
        f"{ARCHITECTURE_LABELS[lab.preset.architecture]}.",
        *_learners(experiment, lab),
        f"Seeds: {', '.join(map(str, range(seeds)))}." + (f" Each entry: {entry}." if entry else ""),
        f"Time: {_minutes(cost['noise_seconds'])} for the noises, {_minutes(cost['learner_seconds'])} for the learners"
        + (f", on {', '.join(cost['devices'])}." if cost["devices"] else "."),
        *notes,
    ]
    return [f"# {caption(experiment.name)}: {experiment.title}", "", *(f"- {line}" for line in lines)]


def _architectures(experiment: Experiment) -> list[str]:
    return list(dict.fromkeys(cell.architecture for cell in experiment.cells))


def _learners(experiment: Experiment, lab: ExperimentCache) -> Iterator[str]:
    """Each learner: what stands in for what, and how it is trained."""
    for architecture in _architectures(experiment):
        ours, course = lab.scale.network(architecture), lab.course(architecture)
        who = (
            ARCHITECTURE_LABELS[ours]
            if ours == architecture
            else f"{ARCHITECTURE_LABELS[ours]} in place of {ARCHITECTURE_LABELS[architecture]}"
        )
        batch = min(course.length.batch, len(lab.images.train))
        yield (
            f"Learner: {who}, {lab.updates(architecture):,} updates of {batch} images; its adversary takes "
            f"{course.attack_steps} steps of {course.attack_step:g} radius."
        )


def _cost(experiment: Experiment, lab: ExperimentCache, seeds: int) -> dict[str, Any]:
    """Seconds of the wall that the experiment's pieces took, whenever they were made, and where."""
    runs = [run for cell in experiment.cells for seed in range(seeds) if (run := lab.known(cell, seed))]
    noises = [s for noise in experiment.noises for seed in range(seeds) if (s := lab.noise_seconds(noise, seed))]
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
