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
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.class_patterns import search_from_patterns
from benchmarks.measuring import (
    RADII,
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
from core.noise.setup import NoiseSetup
from core.specs.configs import PGDSearch
from core.training.labelled_images import LabelledArrays

TIMED, ROUNDS = 2_048, 2  # pictures, and how often each search is timed
PROJECTED, SUBTRACTED = "projected", "subtracted"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalSearch:
    """A final search, from random noise or from a class pattern that is found in `pattern_steps`."""

    search: PGDSearch
    pattern_steps: int = 0

    @property
    def name(self) -> str:
        start = f"pattern {self.pattern_steps}" if self.pattern_steps else "random"
        return f"{start}, {self.search.outer_steps} x {self.search.samples} of {self.search.outer_step}"


Way = FinalSearch | None
"""A search, or None for the noise network."""
NOISE_NETWORK = "the noise network"


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--only", nargs="+", metavar="ROW", help="measure these rows alone, beside the originals")
    args = options.parse_args()
    setting = opened(args)
    ways: dict[str, Way] = dict(_searches(setting.conditions.preset.noise[setting.generator.card.method].final))
    if setting.generator.network is not None:
        ways[NOISE_NETWORK] = None
    ways = {name: way for name, way in ways.items() if not args.only or name in args.only}
    speeds = _speeds(ways, setting)
    print(json.dumps(speeds), flush=True)
    found = {name: _measured(name, ways, setting) for name in (ORIGINALS, *ways)}
    _print_table(found, ways, speeds, setting)


def _searches(longest: PGDSearch) -> dict[str, FinalSearch]:
    """The preset's own first, then cheaper and cheaper ones."""

    def cheaper(steps: int, step: float, samples: int, pattern: int = 0) -> FinalSearch:
        search = replace(longest, outer_steps=steps, outer_step=step, samples=samples)
        return FinalSearch(search=search, pattern_steps=pattern)

    tried = (
        FinalSearch(search=longest),
        cheaper(10, 0.2, 2),
        cheaper(10, 0.2, 1),
        cheaper(4, 0.4, 1),
        cheaper(10, 0.2, 1, pattern=20),
        cheaper(5, 0.2, 1, pattern=20),
        cheaper(2, 0.25, 1, pattern=20),
        cheaper(0, 0.0, 1, pattern=20),
    )
    return {one.name: one for one in tried}


def _protected(way: Way, images: LabelledArrays, setting: Setting, *, seed: int | None = None) -> NDArray[np.uint8]:
    """`images` with noise found that way."""
    generator, conditions = setting.generator, setting.conditions
    if seed is not None:
        conditions = replace(conditions, seed=seed)
    if way is None:
        return by_generator(generator, images, conditions)
    card = generator.card
    config = replace(conditions.preset.noise[card.method], final=way.search)
    conditions = replace(conditions, preset=replace(conditions.preset, noise={card.method: config}))
    outputs = outputs_of(generator, images)
    if not way.pattern_steps:
        return protected(generator.model, outputs, images, card, conditions)
    setup = NoiseSetup(spec=spec_of(card, seed=conditions.seed), preset=conditions.preset)
    labelled = replace(images, labels=outputs)
    noise = search_from_patterns(generator.model, labelled, setup, conditions.run, pattern_steps=way.pattern_steps)
    return (images.pixels + noise).astype(np.uint8)


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
        found = accuracies(pixels, images, setting.test, setting.conditions)
        flat = treated(pixels, images, "orthogonal-projection", setting.conditions)
        found[PROJECTED] = accuracy(flat, images, setting.test, 0, setting.conditions)
    if name == ORIGINALS:
        found[SUBTRACTED] = found["0"]
    else:
        again = _protected(ways[name], replace(images, pixels=pixels), setting, seed=setting.conditions.seed + 1)
        less = np.clip(2 * pixels.astype(int) - again, 0, 255).astype(np.uint8)
        found[SUBTRACTED] = accuracy(less, images, setting.test, 0, setting.conditions)
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
    return "1, forward" if way is None else str(way.search.outer_steps * way.search.samples)


if __name__ == "__main__":
    main()
