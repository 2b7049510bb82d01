"""How much of a trained generator's protection is left when its noise is searched for in fewer passes.

    .venv/bin/python -m benchmarks.noise_cost --generator core/generators/cifar10-32.safetensors --data data/cifar10 \\
        --out build/noise_cost

DATA holds train/CLASS/FILE and test/CLASS/FILE. Each row is another final search with the same network: K steps of
S radius_u with J draws, from random numbers or from a pattern of the class, itself found in P steps. The preset's own
learner takes 10 passes over each; "projected" is standard training after orthogonal projection, which takes away what
all pictures of a class share. Speeds are taken side by side at the start. Every number is kept in OUT as it comes.
"""

import json
import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import RADII, Images, accuracies, accuracy, by_generator, threat_name, treated
from benchmarks.setting import Setting, opened, parser
from core.presets import Search

TIMED, ROUNDS = 2_048, 2  # pictures, and how often each search is timed


def main() -> None:
    setting = opened(parser(__doc__).parse_args())
    searches = _searches(setting.preset.noise[setting.generator.card.method].final)
    speeds = _speeds(searches, setting)
    print(json.dumps(speeds), flush=True)
    found = {name: _measured(name, search, setting) for name, search in {"the originals": None, **searches}.items()}
    _print_table(found, searches, speeds, setting)


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


def _protected(search: Search, images: Images, setting: Setting) -> NDArray[np.uint8]:
    """`images` with noise by that search."""
    method = setting.generator.card.method
    recipe = replace(setting.preset.noise[method], final=search)
    return by_generator(
        setting.generator,
        images,
        seed=setting.seed,
        preset=replace(setting.preset, noise={method: recipe}),
        device=setting.device,
    )


def _speeds(searches: dict[str, Search], setting: Setting) -> dict[str, float]:
    """Pictures a second, the best of some rounds in which all searches take turns; patterns are part of the time."""
    images = setting.images
    spread = np.linspace(0, len(images.labels) - 1, TIMED).astype(int)
    some = replace(images, pixels=images.pixels[spread], labels=images.labels[spread])
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    for _ in range(ROUNDS):
        for name, search in searches.items():
            began = time.monotonic()
            _protected(search, some, setting)
            seconds[name].append(time.monotonic() - began)
    return {name: round(TIMED / min(taken), 1) for name, taken in seconds.items()}


def _measured(name: str, search: Search | None, setting: Setting) -> dict[str, float]:
    """Test accuracies by radius, and of standard training after orthogonal projection."""
    file = setting.kept(name)
    if file.exists():
        known: dict[str, float] = json.loads(file.read_text())
        return known
    images = setting.images
    pixels = images.pixels if search is None else _protected(search, images, setting)
    found = accuracies(pixels, images, setting.test, **setting.run)
    flat = treated(pixels, images, "orthogonal-projection", seed=setting.seed, device=setting.device)
    found["projected"] = accuracy(flat, images, setting.test, 0, **setting.run)
    file.write_text(json.dumps(found))
    print(name, found, flush=True)
    return found


def _print_table(
    found: dict[str, dict[str, float]], searches: dict[str, Search], speeds: dict[str, float], setting: Setting
) -> None:
    print(f"{setting.about}\nSpeeds are those of {TIMED:,} pictures.\n")
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
