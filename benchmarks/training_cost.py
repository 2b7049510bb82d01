"""What a stranger's pictures need of training: protection against seconds, from scratch and from a generator's weights.

    .venv/bin/python -m benchmarks.training_cost --generator core/generators/weights/cifar10-32.safetensors \\
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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import RADII, accuracies, by_generator, protected, spec_of, threat_name
from benchmarks.setting import Setting, opened, parser
from benchmarks.tuning import tune_surrogate
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.runtime.progress import Progress
from core.specs.configs import TrainingLength


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Where a surrogate starts, and how it is trained."""

    start: str  # "the originals", "as it is", "new last layer", "weights" or "scratch"
    updates: int = 0
    peak: float = 0.1  # of the cyclic learning rate

    @property
    def name(self) -> str:
        return f"{self.start}, {self.updates} updates, rate {self.peak:g}" if self.updates else self.start


def main() -> None:
    args = _arguments()
    setting = opened(args)
    found = {row: _measured(row, setting) for row in _rows(args, setting)}
    _print_table(found, setting)


def _arguments() -> argparse.Namespace:
    options = parser(__doc__)
    options.add_argument("--weights", type=int, nargs="*", default=[25, 100], help="updates from the weights")
    options.add_argument("--peaks", type=float, nargs="*", default=[0.1], help="learning rates from the weights")
    options.add_argument("--scratch", type=int, nargs="*", default=[25, 100, 600], help="updates from scratch")
    return options.parse_args()


def _rows(args: argparse.Namespace, setting: Setting) -> Iterator[Row]:
    yield Row(start="the originals")
    yield Row(start="as it is")
    if setting.images.classes > setting.generator.card.classes:
        yield Row(start="new last layer")
    yield from (Row(start="weights", updates=updates, peak=peak) for peak in args.peaks for updates in args.weights)
    yield from (Row(start="scratch", updates=updates) for updates in args.scratch)


def _measured(row: Row, setting: Setting) -> dict[str, Any]:
    """Seconds of training, and test accuracies by radius."""
    images, file = setting.images, setting.kept(row.name)
    if file.exists():
        known: dict[str, Any] = json.loads(file.read_text())
        return known
    progress = Progress()
    pixels = images.pixels if row.start == "the originals" else _protected(row, setting, progress)
    measured = {
        **asdict(row),
        "seconds": round(progress.seconds.get("training", 0.0), 1),
        "accuracy": accuracies(pixels, images, setting.test, setting.conditions),
    }
    file.write_text(json.dumps(measured))
    print(row.name, measured["seconds"], measured["accuracy"], flush=True)
    return measured


def _protected(row: Row, setting: Setting, progress: Progress) -> NDArray[np.uint8]:
    """The pictures with noise."""
    generator, images = setting.generator, setting.images
    conditions, card = setting.conditions.with_progress(progress), setting.generator.card
    if row.start == "as it is":
        return by_generator(generator, images, conditions)
    config = conditions.preset.noise[card.method]
    short = replace(
        config,
        length=TrainingLength(epochs=0, min_updates=row.updates, max_updates=row.updates),
        learning_rate=replace(config.learning_rate, peak=row.peak),
    )
    preset = replace(conditions.preset, noise={card.method: short})
    setup = NoiseSetup(spec=spec_of(card, seed=conditions.seed), preset=preset)
    if row.start == "scratch":
        surrogate = train_surrogate(images, setup, conditions.run)
    else:
        surrogate = tune_surrogate(generator, images, setup, conditions.run)
    return protected(surrogate, images.labels, images, card, replace(conditions, preset=preset))


def _print_table(found: dict[Row, dict[str, Any]], setting: Setting) -> None:
    print(setting.about)
    print(f"| surrogate | training, s | {' | '.join(map(threat_name, RADII))} |")
    print(f"|---|---|{'---|' * len(RADII)}")
    for row, measured in found.items():
        cells = " | ".join(f"{measured['accuracy'][str(radius)]:.1f}" for radius in RADII)
        print(f"| {row.name} | {measured['seconds']:.0f} | {cells} |")


if __name__ == "__main__":
    main()
