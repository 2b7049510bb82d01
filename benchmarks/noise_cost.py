"""How much of a trained generator's protection is left when its noise is searched for in fewer passes.

    .venv/bin/python -m benchmarks.noise_cost --generator core/generators/cifar10-32.safetensors --data data/cifar10 \\
        --out build/noise_cost

DATA holds train/CLASS/FILE and test/CLASS/FILE. Each row is another final search with the same network: K steps of
S radius_u with J draws, from random numbers or from a pattern of the class, itself found in P steps. The preset's own
learner takes 10 passes over each; "projected" is standard training after orthogonal projection, which takes away what
all pictures of a class share. Speeds are taken side by side at the start. Every number is kept in OUT as it comes.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import RADII, Images, accuracies, accuracy, read, threat_name, treated
from core import noise as noises
from core.device import Device
from core.noise.class_map import class_map
from core.noise.generator import Generator, load
from core.presets import PRESETS, Preset, Search
from core.progress import Progress
from core.shelf import NoShelf
from core.spec import ProtectSpec

TIMED, ROUNDS = 2_048, 2  # pictures, and how often each search is timed


def main() -> None:
    args = _arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    device = Device(cores=args.cores)
    generator = load(args.generator, device=device.name)
    preset, size = PRESETS[generator.card.preset], generator.card.size
    train_set = read(args.data / "train", per_class=args.train, size=size)
    test_set = read(args.data / "test", per_class=args.test, size=size)
    searches = _searches(preset.noise[generator.card.method].final)
    speeds = _speeds(searches, generator, train_set, preset, device)
    print(json.dumps(speeds), flush=True)
    found = {
        name: _measured(args.out, name, search, generator, train_set, test_set, args, preset, device)
        for name, search in {"the originals": None, **searches}.items()
    }
    _print_table(found, searches, speeds, args, train_set, test_set, device)


def _searches(longest: Search) -> dict[str, Search]:
    """The preset's own first, then cheaper and cheaper ones."""

    def cheaper(steps: int, step: float, samples: int, pattern: int = 0) -> Search:
        return replace(longest, outer_steps=steps, outer_step=step, samples=samples, pattern_steps=pattern)

    tried = (
        longest,
        cheaper(10, 0.2, 2),
        cheaper(10, 0.2, 1),
        cheaper(4, 0.4, 1),
        cheaper(10, 0.2, 1, pattern=20),
        cheaper(5, 0.2, 1, pattern=20),
        cheaper(2, 0.25, 1, pattern=20),
        cheaper(0, 0.0, 1, pattern=20),
    )
    return {_name(search): search for search in tried}


def _name(search: Search) -> str:
    start = f"pattern {search.pattern_steps}" if search.pattern_steps else "random"
    return f"{start}, {search.outer_steps} x {search.samples} of {search.outer_step}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--train", type=int, default=1_000, help="training pictures of a class, at most")
    parser.add_argument("--test", type=int, default=200, help="test pictures of a class, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int)
    return parser.parse_args()


def _noise(search: Search, generator: Generator, images: Images, seed: int, preset: Preset, device: Device) -> Any:
    """int8 noise for all of `images` by that search."""
    card = generator.card
    spec = ProtectSpec(method=card.method, radius_u=card.radius_u, radius_a=card.radius_a, seed=seed)
    recipe = replace(preset.noise[card.method], final=search)
    outputs = class_map(images.classes, outputs=card.classes)[images.labels]
    return noises.make_noise(
        generator.model,
        images.pixels,
        outputs,
        np.ones(len(outputs), bool),
        spec,
        replace(preset, noise={card.method: recipe}),
        device=device,
        progress=Progress(),
        shelf=NoShelf(),
    )


def _speeds(
    searches: dict[str, Search], generator: Generator, images: Images, preset: Preset, device: Device
) -> dict[str, float]:
    """Pictures a second, the best of some rounds in which all searches take turns; patterns are part of the time."""
    spread = np.linspace(0, len(images.labels) - 1, TIMED).astype(int)
    some = replace(images, pixels=images.pixels[spread], labels=images.labels[spread])
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    for _ in range(ROUNDS):
        for name, search in searches.items():
            began = time.monotonic()
            _noise(search, generator, some, 0, preset, device)
            seconds[name].append(time.monotonic() - began)
    return {name: round(TIMED / min(taken), 1) for name, taken in seconds.items()}


def _measured(
    out: Path,
    name: str,
    search: Search | None,
    generator: Generator,
    images: Images,
    test: Images,
    args: argparse.Namespace,
    preset: Preset,
    device: Device,
) -> dict[str, float]:
    """Test accuracies by radius, and of standard training after orthogonal projection."""
    file = out / f"{args.data.name}-{name.replace(' ', '-').replace(',', '')}-{args.seed}.json"
    if file.exists():
        known: dict[str, float] = json.loads(file.read_text())
        return known
    pixels: NDArray[np.uint8] = images.pixels
    if search is not None:
        pixels = (pixels + _noise(search, generator, images, args.seed, preset, device)).astype(np.uint8)
    run = {"seed": args.seed, "preset": preset, "device": device}
    found = accuracies(pixels, images, test, **run)
    flat = treated(pixels, images, "orthogonal-projection", seed=args.seed, device=device)
    found["projected"] = accuracy(flat, images, test, 0, **run)
    file.write_text(json.dumps(found))
    print(name, found, flush=True)
    return found


def _print_table(
    found: dict[str, dict[str, float]],
    searches: dict[str, Search],
    speeds: dict[str, float],
    args: argparse.Namespace,
    images: Images,
    test: Images,
    device: Device,
) -> None:
    print(
        f"\n{args.generator.name} on {args.data.name}: {len(images.labels):,} training and {len(test.labels):,} test "
        f"pictures, seed {args.seed}, {device.label}; speeds by {TIMED} pictures\n"
    )
    columns = [*map(threat_name, RADII), "projected"]
    print(f"| search | passes a picture | pictures/s | {' | '.join(columns)} |")
    print(f"|---|---|---|{'---|' * len(columns)}")
    for name, measured in found.items():
        cells = " | ".join(f"{value:.1f}" for value in measured.values())
        search = searches.get(name)
        passes = "" if search is None else f"{search.outer_steps * search.samples}"
        print(f"| {name} | {passes} | {speeds.get(name, '')} | {cells} |")


if __name__ == "__main__":
    main()
