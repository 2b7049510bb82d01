"""What a stranger's pictures need of training: protection against seconds, from scratch and from a generator's weights.

    .venv/bin/python -m benchmarks.training_cost --generator core/generators/cifar10-32.safetensors \\
        --data data/tiny-imagenet-100 --classes 10 --out build/training_cost

DATA holds train/CLASS/FILE and test/CLASS/FILE; `--first` and `--classes` choose some of its classes, in order, which
the generator should not have seen. A row trains the surrogate for some updates, at a peak learning rate, and makes the
noise of all training pictures; "as it is" trains nothing, with class k on output k (modulo the outputs); 0 updates from
the weights is the same with a new last layer where there are more classes than outputs. The preset's own learner takes
10 passes over each. Every number is kept in OUT as it comes; the same command goes on where it stopped.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from benchmarks.measuring import RADII, Images, accuracies, read, threat_name
from core import noise as noises
from core.device import Device
from core.noise.class_map import class_map
from core.noise.generator import Generator, load
from core.presets import PRESETS, Length, Preset
from core.progress import Progress
from core.shelf import NoShelf
from core.spec import ProtectSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Where a surrogate starts, and how it is trained."""

    start: str  # "scratch", "weights", "as it is", or "the originals"
    updates: int = 0
    peak: float = 0.1  # of the cyclic learning rate

    @property
    def name(self) -> str:
        return f"{self.start}, {self.updates} updates, rate {self.peak:g}" if self.updates else self.start


def main() -> None:
    args = _arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    device = Device(cores=args.cores)
    generator = load(args.generator, device=device.name)
    preset, size = PRESETS[generator.card.preset], generator.card.size
    chosen = {"size": size, "first": args.first, "classes": args.classes}
    train_set = read(args.data / "train", per_class=args.train, **chosen)
    test_set = read(args.data / "test", per_class=args.test, **chosen)
    found = {
        row: _measured(args, row, generator, train_set, test_set, preset, device)
        for row in _rows(args, generator, train_set)
    }
    _print_table(found, args, train_set, test_set, device)


def _rows(args: argparse.Namespace, generator: Generator, images: Images) -> Iterator[Row]:
    yield Row(start="the originals")
    yield Row(start="as it is")
    if images.classes > generator.card.classes:
        yield Row(start="new last layer")
    yield from (Row(start="weights", updates=updates, peak=peak) for peak in args.peaks for updates in args.weights)
    yield from (Row(start="scratch", updates=updates) for updates in args.scratch)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0, help="number of the first class, in the order of their names")
    parser.add_argument("--classes", type=int, help="how many classes; default: all from the first on")
    parser.add_argument("--train", type=int, default=1_000, help="training pictures of a class, at most")
    parser.add_argument("--test", type=int, default=1_000, help="test pictures of a class, at most")
    parser.add_argument("--weights", type=int, nargs="*", default=[25, 100], help="updates from the weights")
    parser.add_argument("--peaks", type=float, nargs="*", default=[0.1], help="learning rates from the weights")
    parser.add_argument("--scratch", type=int, nargs="*", default=[25, 100, 600], help="updates from scratch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int)
    return parser.parse_args()


def _measured(
    args: argparse.Namespace,
    row: Row,
    generator: Generator,
    images: Images,
    test: Images,
    preset: Preset,
    device: Device,
) -> dict[str, Any]:
    """Seconds of training, and test accuracies by radius."""
    name = f"{args.generator.stem}-on-{args.data.name}-{args.first}-{images.classes}-{row.name}-{args.seed}"
    file = args.out / f"{name.replace(',', '').replace(' ', '-')}.json"
    if file.exists():
        known: dict[str, Any] = json.loads(file.read_text())
        return known
    progress, pixels = Progress(), images.pixels
    if row.start != "the originals":
        pixels = _protected(row, generator, images, args.seed, preset, device, progress)
    measured = {
        **asdict(row),
        "seconds": round(progress.seconds.get("training", 0.0), 1),
        "accuracy": accuracies(pixels, images, test, seed=args.seed, preset=preset, device=device),
    }
    file.write_text(json.dumps(measured))
    print(row.name, measured["seconds"], measured["accuracy"], flush=True)
    return measured


def _protected(
    row: Row, generator: Generator, images: Images, seed: int, preset: Preset, device: Device, progress: Progress
) -> Any:
    """The pictures with noise, uint8."""
    card = generator.card
    spec = ProtectSpec(method=card.method, radius_u=card.radius_u, radius_a=card.radius_a, seed=seed)
    recipe = preset.noise[card.method]
    short = replace(
        recipe,
        length=Length(epochs=0, least=row.updates, most=row.updates),
        learning_rate=replace(recipe.learning_rate, peak=row.peak),
    )
    preset = replace(preset, noise={card.method: short})
    run = {"device": device, "progress": progress, "shelf": NoShelf()}
    network, labels = _surrogate(row, generator, images, spec, preset, run)
    noise = noises.make_noise(network, images.pixels, labels, np.ones(len(labels), bool), spec, preset, **run)
    progress.finish()
    return (images.pixels + noise).astype(np.uint8)


def _surrogate(
    row: Row, generator: Generator, images: Images, spec: ProtectSpec, preset: Preset, run: dict[str, Any]
) -> tuple[nn.Module, Any]:
    """The network that makes the noise, and which of its outputs each picture is drawn to."""
    if row.start == "as it is":
        return generator.model, class_map(images.classes, outputs=generator.card.classes)[images.labels]
    start = None if row.start == "scratch" else generator
    return noises.train_surrogate(
        images.pixels, images.labels, images.classes, spec, preset, start=start, **run
    ), images.labels


def _print_table(
    found: dict[Row, dict[str, Any]], args: argparse.Namespace, images: Images, test: Images, device: Device
) -> None:
    print(
        f"\n{args.generator.name} on {args.data.name}: {images.classes} classes, {len(images.labels):,} training and "
        f"{len(test.labels):,} test pictures, seed {args.seed}, {device.label}\n"
    )
    print(f"| surrogate | training, s | {' | '.join(map(threat_name, RADII))} |")
    print(f"|---|---|{'---|' * len(RADII)}")
    for row, measured in found.items():
        cells = " | ".join(f"{measured['accuracy'][str(radius)]:.1f}" for radius in RADII)
        print(f"| {row.name} | {measured['seconds']:.0f} | {cells} |")


if __name__ == "__main__":
    main()
