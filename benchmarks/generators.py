"""What a trained generator protects, on pictures it was not made for, against training on those pictures themselves.

    .venv/bin/python -m benchmarks.generators --generator FILE --data data/tiny-imagenet-100 --classes 10 \\
        --out build/generators

DATA holds train/CLASS/FILE and test/CLASS/FILE; `--first` and `--classes` choose some of its classes, in order. Both
noises come from the same preset and radii, in whole pixels, and the preset's own learner takes 10 passes over each.
Every number is kept in OUT as it comes. `--on-card NAME` writes the outcome into the generator's card under NAME.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import RADII, Images, accuracies, read, threat_name
from core import noise as noises
from core.device import Device
from core.noise.class_map import class_map
from core.noise.generator import Generator, load, save
from core.presets import PRESETS, Preset
from core.progress import Progress
from core.shelf import NoShelf
from core.spec import ProtectSpec

ROWS = ("the originals", "trained on these", "the generator")


def main() -> None:
    args = _arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    device = Device(cores=args.cores)
    generator = load(args.generator, device=device.name)
    preset, size = PRESETS[generator.card.preset], generator.card.size
    chosen = {"size": size, "first": args.first, "classes": args.classes}
    train_set = read(args.data / "train", per_class=args.train, **chosen)
    test_set = read(args.data / "test", per_class=args.test, **chosen)
    found = {}
    for row in ROWS:
        name = f"{args.generator.stem}-{args.data.name}-{args.first}-{train_set.classes}-{row.replace(' ', '-')}"
        found[row] = _measured(
            args.out / f"{name}.json", row, generator, train_set, test_set, args.seed, preset, device
        )
    _print_table(found, args, train_set, test_set, device)
    if args.on_card:
        _note(generator, args, train_set, test_set, found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0, help="number of the first class, in the order of their names")
    parser.add_argument("--classes", type=int, help="how many classes; default: all from the first on")
    parser.add_argument("--train", type=int, default=1_000, help="training pictures of a class, at most")
    parser.add_argument("--test", type=int, default=200, help="test pictures of a class, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int)
    parser.add_argument("--on-card", metavar="NAME")
    return parser.parse_args()


def _measured(
    file: Path,
    row: str,
    generator: Generator,
    images: Images,
    test: Images,
    seed: int,
    preset: Preset,
    device: Device,
) -> dict[str, Any]:
    """Seconds until there is noise, of which so many for the final pass; test accuracies by radius."""
    if file.exists():
        known: dict[str, Any] = json.loads(file.read_text())
        return known
    card = generator.card
    spec = ProtectSpec(method=card.method, radius_u=card.radius_u, radius_a=card.radius_a, seed=seed)
    progress, pixels = Progress(), images.pixels
    run = {"device": device, "progress": progress, "shelf": NoShelf()}
    if row != ROWS[0]:
        if row == ROWS[1]:
            network, outputs = (
                noises.train_surrogate(images.pixels, images.labels, images.classes, spec, preset, **run),
                np.arange(images.classes),
            )
        else:
            network, outputs = generator.model, class_map(images.classes, outputs=card.classes)
        everything = np.ones(len(images.labels), bool)
        noise = noises.make_noise(network, images.pixels, outputs[images.labels], everything, spec, preset, **run)
        pixels = (pixels.astype(np.int16) + noise).astype(np.uint8)
        progress.finish()
    seconds = {stage: round(progress.seconds.get(stage, 0.0), 1) for stage in ("training", "noise")}
    began = time.monotonic()
    found = accuracies(pixels, images, test, seed=seed, preset=preset, device=device)
    measured = {"seconds": seconds, "accuracy": found, "learners_seconds": round(time.monotonic() - began)}
    file.write_text(json.dumps(measured))
    print(row, measured, flush=True)
    return measured


def _print_table(found: dict[str, Any], args: argparse.Namespace, images: Images, test: Images, device: Device) -> None:
    print(
        f"\n{args.generator.name} on {args.data.name}: {images.classes} classes, {len(images.labels):,} training and "
        f"{len(test.labels):,} test pictures, seed {args.seed}, {device.label}\n"
    )
    print(f"| noise | training, s | noise, pictures/s | {' | '.join(threat_name(radius) for radius in RADII)} |")
    print("|---|---|---|---|---|---|")
    for row, measured in found.items():
        training, making = measured["seconds"]["training"], measured["seconds"]["noise"]
        speed = f"{len(images.labels) / making:.0f}" if making else "–"
        accuracy = " | ".join(f"{measured['accuracy'][str(radius)]:.1f}" for radius in RADII)
        print(f"| {row} | {training:.0f} | {speed} | {accuracy} |")


def _note(generator: Generator, args: argparse.Namespace, images: Images, test: Images, found: dict[str, Any]) -> None:
    """Put what was measured on the generator's card."""
    outcome = {
        "data": args.data.name,
        "classes": images.classes,
        "training_images": len(images.labels),
        "test_images": len(test.labels),
        "seed": args.seed,
        "test_accuracy_percent": {row: measured["accuracy"] for row, measured in found.items()},
    }
    measured = {**(generator.card.measured or {}), args.on_card: outcome}
    save(generator.model, replace(generator.card, measured=measured), args.generator)


if __name__ == "__main__":
    main()
