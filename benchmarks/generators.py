"""How much a trained generator protects images that it was not trained on, compared with training on these images.

    .venv/bin/python -m benchmarks.generators --generator FILE --data data/tiny-imagenet-100 --classes 10 \\
        --out build/generators

Prints for each noise the seconds of training, the images per second, and the test accuracy of learners by radius of
adversarial training. DATA holds train/CLASS/FILE and test/CLASS/FILE; `--first` and `--classes` select classes. Both
noises have the same radii, in whole pixel units; the learner of the preset takes 10 passes over each training set.
`--on-card NAME` writes the result into the card of the generator under NAME. `--countermeasure` changes all training
images first. Results are saved in OUT as soon as they are measured, so the same command continues after an
interruption.
"""

import json
import time
from dataclasses import replace
from typing import Any

from benchmarks.measuring import (
    RADII,
    accuracies,
    after_countermeasure,
    generator_spec,
    protect_by_generator,
    protect_by_search,
    threat_name,
)
from benchmarks.setting import Setting, argument_parser, open_setting
from core.countermeasures.registry import COUNTERMEASURES
from core.generators.measurements import GENERATOR_NOISE, ORIGINALS, TRAINED_ON_IMAGES, measurement
from core.noise.generator_file import save_generator
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.runtime.progress import Progress

ROWS = (ORIGINALS, TRAINED_ON_IMAGES, GENERATOR_NOISE)


def main() -> None:
    options = argument_parser(__doc__)
    options.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, help="the noises to measure")
    options.add_argument("--on-card", metavar="NAME", help="write the result into the generator's card under this name")
    options.add_argument(
        "--countermeasure", "--treated", choices=COUNTERMEASURES, help="apply this to the training images first"
    )
    args = options.parse_args()
    setting = open_setting(args)
    found = {row: _measured(row, args.countermeasure, setting) for row in args.rows}
    _print_table(found, setting)
    if args.on_card:
        _write_card(args.on_card, setting, found)


def _measured(row: str, countermeasure: str | None, setting: Setting) -> dict[str, Any]:
    """The seconds of each stage, and the test accuracies by radius."""
    images, file = setting.images, setting.result_file(row if countermeasure is None else f"{row} {countermeasure}")
    if file.exists():
        known: dict[str, Any] = json.loads(file.read_text())
        return known
    progress, train_set = Progress(), images
    conditions, card = setting.conditions.with_progress(progress), setting.generator.card
    if row == TRAINED_ON_IMAGES:
        setup = NoiseSetup(spec=generator_spec(card, seed=conditions.seed), preset=conditions.preset)
        surrogate = train_surrogate(images, setup, conditions.run)
        train_set = protect_by_search(surrogate, images.labels, images, card, conditions)
    elif row == GENERATOR_NOISE:
        train_set = protect_by_generator(setting.generator, images, conditions)
    progress.finish()
    seconds = {stage: round(progress.seconds.get(stage, 0.0), 1) for stage in ("training", "noise")}
    if countermeasure is not None:
        train_set = after_countermeasure(train_set, countermeasure, setting.conditions)
    began = time.monotonic()
    found = accuracies(train_set, setting.test, setting.conditions)
    measured = {"seconds": seconds, "accuracy": found, "learners_seconds": round(time.monotonic() - began)}
    file.write_text(json.dumps(measured))
    print(row, measured, flush=True)
    return measured


def _print_table(found: dict[str, Any], setting: Setting) -> None:
    print(setting.caption)
    print(f"| noise | training, s | noise, images/s | {' | '.join(threat_name(radius) for radius in RADII)} |")
    print("|---|---|---|---|---|---|")
    for row, measured in found.items():
        training, making = measured["seconds"]["training"], measured["seconds"]["noise"]
        speed = f"{len(setting.images.labels) / making:.0f}" if making else "–"
        accuracy = " | ".join(f"{measured['accuracy'][str(radius)]:.1f}" for radius in RADII)
        print(f"| {row} | {training:.0f} | {speed} | {accuracy} |")


def _write_card(name: str, setting: Setting, found: dict[str, Any]) -> None:
    """Add the result to the card of the generator."""
    result = measurement(
        {row: measured["accuracy"] for row, measured in found.items()},
        data=setting.data,
        classes=setting.images.classes,
        training_images=len(setting.images.labels),
        test_images=len(setting.test.labels),
        seed=setting.conditions.seed,
    )
    card = setting.generator.card
    measured = {**(card.measured or {}), name: result}
    save_generator(
        setting.generator.model, replace(card, measured=measured), setting.file, network=setting.generator.network
    )


if __name__ == "__main__":
    main()
