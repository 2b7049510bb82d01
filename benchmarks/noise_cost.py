"""How much of a trained generator's protection is left when its noise is found in fewer passes.

    .venv/bin/python -m benchmarks.noise_cost --generator core/generators/weights/cifar10-32.safetensors \\
        --data data/cifar10 \\
        --out build/noise_cost

DATA holds train/CLASS/FILE and test/CLASS/FILE. Each row is another final search with the same network: K steps of
S radius_u with J draws, from random numbers or from a pattern of the class, itself found in P steps; or its noise
network. The preset's own learner takes 10 passes over each. "projected" is standard training after orthogonal
projection, which takes away what all pictures of a class share; "subtracted" is standard training of a thief who has
the generator, makes noise in the same way for the protected pictures, from another seed, and takes that away. Speeds
are taken side by side at the start. Every number is kept in OUT as it comes.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import (
    RADII,
    Images,
    accuracies,
    accuracy,
    by_generator,
    outputs_of,
    protected,
    spec_of,
    threat_name,
    treated,
)
from benchmarks.setting import Setting, opened, parser
from core.generators.measurements import ORIGINALS
from core.specs.presets import PGDSearch

TIMED, ROUNDS = 2_048, 2  # pictures, and how often each search is timed
PROJECTED, SUBTRACTED = "projected", "subtracted"


Way = PGDSearch | None
"""A search, or None for the noise network."""
AT_ONCE = "the noise network"


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--only", nargs="+", metavar="ROW", help="measure these rows alone, beside the originals")
    args = options.parse_args()
    setting = opened(args)
    ways: dict[str, Way] = dict(_searches(setting.preset.noise[setting.generator.card.method].final))
    if setting.generator.network is not None:
        ways[AT_ONCE] = None
    ways = {name: way for name, way in ways.items() if not args.only or name in args.only}
    speeds = _speeds(ways, setting)
    print(json.dumps(speeds), flush=True)
    found = {name: _measured(name, ways, setting) for name in (ORIGINALS, *ways)}
    _print_table(found, ways, speeds, setting)


def _searches(longest: PGDSearch) -> dict[str, PGDSearch]:
    """The preset's own first, then cheaper and cheaper ones."""

    def cheaper(steps: int, step: float, samples: int, pattern: int = 0) -> PGDSearch:
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


def _name(search: PGDSearch) -> str:
    start = f"pattern {search.pattern_steps}" if search.pattern_steps else "random"
    return f"{start}, {search.outer_steps} x {search.samples} of {search.outer_step}"


def _protected(way: Way, images: Images, setting: Setting, *, seed: int | None = None) -> NDArray[np.uint8]:
    """`images` with noise found that way."""
    generator, run = setting.generator, {"device": setting.device}
    seed = setting.seed if seed is None else seed
    if way is None:
        return by_generator(generator, images, seed=seed, preset=setting.preset, **run)
    method = generator.card.method
    preset = replace(setting.preset, noise={method: replace(setting.preset.noise[method], final=way)})
    outputs = outputs_of(generator, images)
    return protected(generator.model, outputs, images, spec_of(generator.card, seed=seed), preset=preset, **run)


def _speeds(ways: Mapping[str, Way], setting: Setting) -> dict[str, float]:
    """Pictures a second, the best of some rounds in which all take turns; patterns are part of the time."""
    images = setting.images
    spread = np.linspace(0, len(images.labels) - 1, TIMED).astype(int)
    some = replace(images, pixels=images.pixels[spread], labels=images.labels[spread])
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.monotonic()
            _protected(way, some, setting)
            seconds[name].append(time.monotonic() - began)
    return {name: round(TIMED / min(taken), 1) for name, taken in seconds.items()}


def _measured(name: str, ways: Mapping[str, Way], setting: Setting) -> dict[str, float]:
    """Test accuracies by radius, and of standard training on what a thief makes of the pictures."""
    file, images = setting.kept(name), setting.images
    found: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
    if found.keys() >= {*map(str, RADII), PROJECTED, SUBTRACTED}:
        return found
    pixels = images.pixels if name == ORIGINALS else _protected(ways[name], images, setting)
    if not found:
        found = accuracies(pixels, images, setting.test, **setting.run)
        flat = treated(pixels, images, "orthogonal-projection", seed=setting.seed, device=setting.device)
        found[PROJECTED] = accuracy(flat, images, setting.test, 0, **setting.run)
    if name == ORIGINALS:
        found[SUBTRACTED] = found["0"]
    else:
        again = _protected(ways[name], replace(images, pixels=pixels), setting, seed=setting.seed + 1)
        less = np.clip(2 * pixels.astype(int) - again, 0, 255).astype(np.uint8)
        found[SUBTRACTED] = accuracy(less, images, setting.test, 0, **setting.run)
    file.write_text(json.dumps(found))
    print(name, found, flush=True)
    return found


def _print_table(
    found: Mapping[str, Mapping[str, float]], ways: Mapping[str, Way], speeds: Mapping[str, float], setting: Setting
) -> None:
    print(f"{setting.about}\nSpeeds are those of {TIMED:,} pictures.\n")
    columns = [*map(threat_name, RADII), PROJECTED, SUBTRACTED]
    print(f"| search | passes a picture | pictures/s | {' | '.join(columns)} |")
    print(f"|---|---|---|{'---|' * len(columns)}")
    for name, measured in found.items():
        cells = " | ".join(f"{value:.1f}" for value in measured.values())
        print(f"| {name} | {_passes(name, ways)} | {speeds.get(name, '')} | {cells} |")


def _passes(name: str, ways: Mapping[str, Way]) -> str:
    """Passes of the surrogate forward and back, or of the noise network forward."""
    if name == ORIGINALS:
        return ""
    way = ways[name]
    return "1, forward" if way is None else str(way.outer_steps * way.samples)


if __name__ == "__main__":
    main()
