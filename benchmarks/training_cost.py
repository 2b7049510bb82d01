"""How much training unseen images need: protection against seconds, from scratch and from a generator's weights.

    .venv/bin/python -m benchmarks.training_cost --generator core/generators/weights/cifar10-32.safetensors \\
        --data data/tiny-imagenet-100 --classes 10 --out build/training_cost

Prints for each surrogate the seconds of its training, and the test accuracy of learners by radius of adversarial
training. DATA holds train/CLASS/FILE and test/CLASS/FILE; `--first` and `--classes` select classes, which the generator
should not have seen. A row trains the surrogate for a number of updates, at a peak learning rate, and makes the noise
of all training images. "as it is" trains nothing: class k takes output k modulo the number of outputs. "new last layer"
trains nothing either; it appears if there are more classes than outputs. The learner of the preset takes 10 passes over
each training set. Results are saved in OUT as soon as they are measured, so the same command continues after an
interruption.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.measuring import RADII, accuracies, generator_spec, protect_by_generator, protect_by_search, threat_name
from benchmarks.setting import Setting, argument_parser, open_setting
from benchmarks.tuning import tune_surrogate
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.runtime.progress import Progress
from core.specs.configs import TrainingLength
from core.training.labelled_images import LabelledArrays


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Where a surrogate starts, and how it is trained.

    Attributes:
        start: "the originals", which is no noise, "as it is", "new last layer", "weights" or "scratch".
        updates: The updates of the surrogate.
        peak: The peak of the cyclic learning rate.
    """

    start: str
    updates: int = 0
    peak: float = 0.1

    @property
    def name(self) -> str:
        """The heading of the row."""
        return f"{self.start}, {self.updates} updates, rate {self.peak:g}" if self.updates else self.start


def main() -> None:
    args = _arguments()
    setting = open_setting(args)
    found = {row: _measured(row, setting) for row in _rows(args, setting)}
    _print_table(found, setting)


def _arguments() -> argparse.Namespace:
    options = argument_parser(__doc__)
    options.add_argument(
        "--weights", type=int, nargs="*", default=[25, 100], help="the numbers of updates from the generator's weights"
    )
    options.add_argument(
        "--peaks", type=float, nargs="*", default=[0.1], help="the peak learning rates from the weights"
    )
    options.add_argument(
        "--scratch", type=int, nargs="*", default=[25, 100, 600], help="the numbers of updates from random weights"
    )
    return options.parse_args()


def _rows(args: argparse.Namespace, setting: Setting) -> Iterator[Row]:
    yield Row(start="the originals")
    yield Row(start="as it is")
    if setting.images.classes > setting.generator.card.classes:
        yield Row(start="new last layer")
    yield from (Row(start="weights", updates=updates, peak=peak) for peak in args.peaks for updates in args.weights)
    yield from (Row(start="scratch", updates=updates) for updates in args.scratch)


def _measured(row: Row, setting: Setting) -> dict[str, Any]:
    """The seconds of training, and the test accuracies by radius."""
    images, file = setting.images, setting.result_file(row.name)
    if file.exists():
        known: dict[str, Any] = json.loads(file.read_text())
        return known
    progress = Progress()
    train_set = images if row.start == "the originals" else _protected(row, setting, progress)
    measured = {
        **asdict(row),
        "seconds": round(progress.seconds.get("training", 0.0), 1),
        "accuracy": accuracies(train_set, setting.test, setting.conditions),
    }
    file.write_text(json.dumps(measured))
    print(row.name, measured["seconds"], measured["accuracy"], flush=True)
    return measured


def _protected(row: Row, setting: Setting, progress: Progress) -> LabelledArrays:
    """The images with the noise of the row."""
    generator, images = setting.generator, setting.images
    conditions, card = setting.conditions.with_progress(progress), setting.generator.card
    if row.start == "as it is":
        return protect_by_generator(generator, images, conditions)
    config = conditions.preset.noise[card.method]
    shortened = replace(
        config,
        length=TrainingLength(epochs=0, min_updates=row.updates, max_updates=row.updates),
        learning_rate=replace(config.learning_rate, peak=row.peak),
    )
    preset = replace(conditions.preset, noise={card.method: shortened})
    setup = NoiseSetup(spec=generator_spec(card, seed=conditions.seed), preset=preset)
    if row.start == "scratch":
        surrogate = train_surrogate(images, setup, conditions.run)
    else:
        surrogate = tune_surrogate(generator, images, setup, conditions.run)
    return protect_by_search(surrogate, images.labels, images, card, replace(conditions, preset=preset))


def _print_table(found: dict[Row, dict[str, Any]], setting: Setting) -> None:
    print(setting.caption)
    print(f"| surrogate | training, s | {' | '.join(map(threat_name, RADII))} |")
    print(f"|---|---|{'---|' * len(RADII)}")
    for row, measured in found.items():
        cells = " | ".join(f"{measured['accuracy'][str(radius)]:.1f}" for radius in RADII)
        print(f"| {row.name} | {measured['seconds']:.0f} | {cells} |")


if __name__ == "__main__":
    main()
