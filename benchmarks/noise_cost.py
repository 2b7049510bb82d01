"""How much protection is left if the noise of a trained generator is found in fewer passes.

    .venv/bin/python -m benchmarks.noise_cost --generator core/generators/weights/cifar10-32.safetensors \\
        --data data/cifar10 --out build/noise_cost

Prints for each way of making noise its passes per image, its images per second, and the test accuracy of learners. DATA
holds train/CLASS/FILE and test/CLASS/FILE. A row is a final search with the same surrogate: K steps of a share of
radius_u with J draws, from random noise or from a pattern of the class that was found in P steps; or the noise network.
The learner of the preset takes 10 passes over each training set.

"projected" is standard training after orthogonal projection, which removes what all images of a class have in common.
"subtracted" is standard training by an unauthorized trainer who has the generator: he makes noise for the protected
images in the same method, with another seed, and subtracts it. Speeds are measured at the start, in turns. Results are
saved in OUT as soon as they are measured, so the same command continues after an interruption.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.class_patterns import search_from_patterns
from benchmarks.measuring import (
    RADII,
    accuracies,
    accuracy,
    after_countermeasure,
    class_outputs,
    generator_spec,
    protect_by_generator,
    protect_by_search,
    threat_name,
    with_noise,
)
from benchmarks.setting import Setting, argument_parser, open_setting
from core.generators.measurements import ORIGINALS
from core.noise.setup import NoiseSetup
from core.specs.configs import PGDSearch
from core.training.labelled_images import LabelledArrays

TIMED_IMAGES, ROUNDS = 2_048, 2
PROJECTED, SUBTRACTED = "projected", "subtracted"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalSearch:
    """A final search of noise.

    Attributes:
        search: The steps of the search.
        pattern_steps: The steps that find the class pattern to start from; 0 starts from random noise.
    """

    search: PGDSearch
    pattern_steps: int = 0

    @property
    def name(self) -> str:
        """The heading of the row."""
        start = f"pattern {self.pattern_steps}" if self.pattern_steps else "random"
        return f"{start}, {self.search.outer_steps} x {self.search.samples} of {self.search.outer_step}"


Method = FinalSearch | None
"""How noise is made: by a search, or, for None, by the noise network."""
NOISE_NETWORK = "the noise network"


def main() -> None:
    options = argument_parser(__doc__)
    options.add_argument("--only", nargs="+", metavar="ROW", help="measure only these rows and the originals")
    args = options.parse_args()
    setting = open_setting(args)
    methods: dict[str, Method] = dict(_searches(setting.conditions.preset.noise[setting.generator.card.method].final))
    if setting.generator.network is not None:
        methods[NOISE_NETWORK] = None
    methods = {name: method for name, method in methods.items() if not args.only or name in args.only}
    speeds = _speeds(methods, setting)
    print(json.dumps(speeds), flush=True)
    found = {name: _measured(name, methods, setting) for name in (ORIGINALS, *methods)}
    _print_table(found, methods, speeds, setting)


def _searches(longest: PGDSearch) -> dict[str, FinalSearch]:
    """The search of the preset, then cheaper ones, with and without a class pattern."""

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


def _protected(method: Method, images: LabelledArrays, setting: Setting, *, seed: int | None = None) -> LabelledArrays:
    """The images with the noise of a method."""
    generator, conditions = setting.generator, setting.conditions
    if seed is not None:
        conditions = replace(conditions, seed=seed)
    if method is None:
        return protect_by_generator(generator, images, conditions)
    card = generator.card
    config = replace(conditions.preset.noise[card.method], final=method.search)
    conditions = replace(conditions, preset=replace(conditions.preset, noise={card.method: config}))
    outputs = class_outputs(generator, images)
    if not method.pattern_steps:
        return protect_by_search(generator.model, outputs, images, card, conditions)
    setup = NoiseSetup(spec=generator_spec(card, seed=conditions.seed), preset=conditions.preset)
    labelled = replace(images, labels=outputs)
    noise = search_from_patterns(generator.model, labelled, setup, conditions.run, pattern_steps=method.pattern_steps)
    return with_noise(images, noise)


def _speeds(methods: Mapping[str, Method], setting: Setting) -> dict[str, float]:
    """Images per second, including class patterns: the best of several rounds in which the methods take turns."""
    images = setting.images
    spread = np.linspace(0, len(images.labels) - 1, TIMED_IMAGES).astype(int)
    some = replace(images, pixels=images.pixels[spread], labels=images.labels[spread])
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(ROUNDS):
        for name, method in methods.items():
            began = time.monotonic()
            _protected(method, some, setting)
            seconds[name].append(time.monotonic() - began)
    return {name: round(TIMED_IMAGES / min(taken), 1) for name, taken in seconds.items()}


def _measured(name: str, methods: Mapping[str, Method], setting: Setting) -> dict[str, float]:
    """The test accuracies by radius, and those of standard training after projection and subtraction."""
    file, images = setting.result_file(name), setting.images
    found: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
    if found.keys() >= {*map(str, RADII), PROJECTED, SUBTRACTED}:
        return found
    train_set = images if name == ORIGINALS else _protected(methods[name], images, setting)
    if not found:
        found = accuracies(train_set, setting.test, setting.conditions)
        projected = after_countermeasure(train_set, "orthogonal-projection", setting.conditions)
        found[PROJECTED] = accuracy(projected, setting.test, 0, setting.conditions)
    if name == ORIGINALS:
        found[SUBTRACTED] = found["0"]
    else:
        twice = _protected(methods[name], train_set, setting, seed=setting.conditions.seed + 1)
        pixels = np.clip(2 * train_set.pixels.astype(int) - twice.pixels, 0, 255).astype(np.uint8)
        found[SUBTRACTED] = accuracy(replace(images, pixels=pixels), setting.test, 0, setting.conditions)
    file.write_text(json.dumps(found))
    print(name, found, flush=True)
    return found


def _print_table(
    found: Mapping[str, Mapping[str, float]],
    methods: Mapping[str, Method],
    speeds: Mapping[str, float],
    setting: Setting,
) -> None:
    print(f"{setting.caption}\nSpeeds are measured on {TIMED_IMAGES:,} images.\n")
    columns = [*map(threat_name, RADII), PROJECTED, SUBTRACTED]
    print(f"| search | passes per image | images/s | {' | '.join(columns)} |")
    print(f"|---|---|---|{'---|' * len(columns)}")
    for name, measured in found.items():
        cells = " | ".join(f"{value:.1f}" for value in measured.values())
        print(f"| {name} | {_passes(name, methods)} | {speeds.get(name, '')} | {cells} |")


def _passes(name: str, methods: Mapping[str, Method]) -> str:
    """Forward and backward passes of the surrogate, or forward passes of the noise network."""
    if name == ORIGINALS:
        return ""
    method = methods[name]
    return "1, forward" if method is None else str(method.search.outer_steps * method.search.samples)


if __name__ == "__main__":
    main()
