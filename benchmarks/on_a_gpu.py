"""The parts of a short measurement on a GPU, in the order of their value; `benchmarks/on_a_gpu.sh` runs them.

    python3 -m benchmarks.on_a_gpu list
    python3 -m benchmarks.on_a_gpu run PART --data DATA --out OUT [--smallest]
    python3 -m benchmarks.on_a_gpu document --out OUT --page docs/paper.md

DATA holds cifar10, tiny-imagenet-100 and grocery-photos, each with train/CLASS/FILE and test/CLASS/FILE. What a part
has measured is kept in OUT and not measured again. `document` writes all of it into the page, between two marks. A part
imports what `unteachable reproduce` imports, but nothing of the command line (docs/lab/gpu.md).
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.gpu_joint import (
    JOINT,
    SEED,
    UNSEEN_FILE,
    joint_noise,
    joint_noise_for_unseen,
    joint_on_photographs,
    joint_on_unseen_classes,
)
from benchmarks.gpu_page import write_page
from core.runtime.atomic_files import write_json
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.configs import NTGAConfig, PGDSearch, Preset, TrainingLength
from core.specs.presets import QUICK
from experiments.cells import Cell, Noise
from experiments.datasets import load_images
from experiments.measure import ExperimentCache
from experiments.run import run_step
from experiments.scale import SCALES, Scale, with_official_details

REM = Noise(method="rem", radius_u=8, radius_a=4)
SEM = replace(REM, method="sem")
NTGA = Noise(method="ntga", radius_u=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part, for less than three minutes on a GPU.

    Attributes:
        name: On the command line and in OUT.
        title: What it measures.
        data: The folder in DATA.
        noises: What it makes, before the cells.
        cells: What it measures.
        official: Whether what the papers leave open is done as in their official code.
        size: Side of the images in pixels, at most; None for that of the scale.
        special: What it does besides, with the folder of its results.
    """

    name: str
    title: str
    data: str = "cifar10"
    noises: tuple[Noise, ...] = ()
    cells: tuple[Cell, ...] = ()
    official: bool = False
    size: int | None = None
    special: Callable[[ExperimentCache], object] | None = None


def _cells(noise: Noise | None, *radii: int) -> tuple[Cell, ...]:
    return tuple(Cell(noise=noise, radius=radius) for radius in radii)


PARTS = (
    Part(name="rem", title="REM's noise, radius_a 4", noises=(REM,)),
    Part(name="rem-rows", title="REM, rows 0, 2 and 4 of Table 1", cells=_cells(REM, 0, 2, 4)),
    Part(
        name="rem-none",
        title="Table 4, radius_a 4 without EOT, and the originals, in standard training",
        cells=(*_cells(None, 0), *_cells(replace(REM, eot=False), 0)),
    ),
    Part(name="sem-2", title="SEM at 2/255", cells=_cells(SEM, 2)),
    Part(name="ntga", title="NTGA by one step, rows 0, 2 and 4", cells=_cells(NTGA, 0, 2, 4), official=True),
    Part(name="joint", title="A network trained with a surrogate: its noise", special=joint_noise),
    Part(name="joint-rows", title="The same, rows 0 and 4", special=joint_noise, cells=_cells(JOINT, 0, 4)),
    Part(
        name="joint-tiny",
        title="The same on 90 classes of Tiny ImageNet at 64 px, for the ten others",
        data="tiny-imagenet-100",
        special=joint_on_unseen_classes,
    ),
    Part(
        name="photographs",
        title="A network for photographs at 128 px, trained on 22 classes of them: its noise for the ten others",
        data="grocery-photos",
        size=128,
        special=joint_noise_for_unseen,
    ),
    Part(
        name="photographs-rows",
        title="The same, measured, as it is and within the target of `balanced`",
        data="grocery-photos",
        size=128,
        special=joint_on_photographs,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("list", "run", "document"))
    parser.add_argument("part", nargs="?", choices=[part.name for part in PARTS])
    parser.add_argument("--data", type=Path, help="the folder of the datasets")
    parser.add_argument("--out", type=Path, help="the folder of the results")
    parser.add_argument("--page", type=Path, help="the page that gets the results")
    parser.add_argument("--smallest", action="store_true", help="a few images and updates, to try the parts on a CPU")
    args = parser.parse_args()
    if args.action == "list":
        print("\n".join(part.name for part in PARTS))
    elif args.action == "document":
        write_page(args.out, args.page, {part.name: part.title for part in PARTS})
    else:
        run_part(next(part for part in PARTS if part.name == args.part), args.data, args.out, smallest=args.smallest)


def run_part(part: Part, data: Path, out: Path, *, smallest: bool) -> None:
    """Measure what is missing of a part, and write OUT/PART.json.

    Args:
        part: What to measure.
        data: The folder of the datasets.
        out: The folder of the results.
        smallest: Whether to take a few images and updates.
    """
    scale = SMALLEST if smallest else SCALES["gpu"]
    scale = with_official_details(scale) if part.official else scale
    scale = scale if part.size is None or smallest else replace(scale, max_size=part.size)
    folder = out / (f"{part.data}-official" if part.official else part.data)
    images = load_images(data / part.data, out / f"images-{part.data}", scale, progress=Progress())
    cache = ExperimentCache(folder, images, scale, device=Device(), progress=Progress())
    if part.special is not None:
        part.special(cache)
    for step in (*part.noises, *part.cells):
        message = run_step(cache, step, SEED)
        print(f"{part.name}: {step.name}: {message or 'known'}", flush=True)
    write_json(out / f"{part.name}.json", _results(part, cache))
    print(json.dumps(_results(part, cache)))


def _results(part: Part, cache: ExperimentCache) -> dict[str, object]:
    """The accuracies in per cent, the seconds of noises and learners, and where they were measured."""
    found = {cell.name: run for cell in part.cells if (run := cache.load_measurement(cell, SEED)) is not None}
    extra = cache.folder / UNSEEN_FILE
    noises = dict.fromkeys([*part.noises, *(cell.noise for cell in part.cells if cell.noise is not None)])
    return {
        "scale": cache.scale.name,
        "device": cache.device.label,
        "train_images": len(cache.images.train),
        "test_images": len(cache.images.test),
        "accuracy": {name: round(100 * run.accuracy, 1) for name, run in found.items()},
        "learner_seconds": {name: round(run.seconds) for name, run in found.items()},
        "noise_seconds": {n.name: round(s) for n in noises if (s := cache.noise_seconds(n, SEED)) is not None},
        "unseen": json.loads(extra.read_text()) if part.data != "cifar10" and extra.exists() else None,
    }


def _smallest_preset(size: int) -> Preset:
    length = TrainingLength(epochs=0, min_updates=2, max_updates=2, batch=16)
    search = PGDSearch(outer_steps=1, outer_step=1.0, samples=1, inner_steps=1, inner_step=1.0)
    sem = QUICK.noise["sem"]
    assert sem.joint is not None, "it is trained jointly"
    noise = {
        name: replace(config, length=length, training=search, final=search) for name, config in QUICK.noise.items()
    }
    return replace(
        QUICK,
        noise=noise | {"sem": replace(noise["sem"], joint=replace(sem.joint, length=length))},
        ntga=NTGAConfig(block_size=50, validation_images=50, steps=1, step=1.0),
        schedules={"quick": replace(QUICK.schedules["quick"], length=length, attack_steps=1)},
    )


SMALLEST = Scale(
    name="smallest",
    preset=_smallest_preset,
    max_size=64,
    schedule="quick",
    train=120,
    test=120,
    stand_ins={"resnet18": "small"},
)


if __name__ == "__main__":
    main()
