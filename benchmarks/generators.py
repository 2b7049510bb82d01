"""What a trained generator protects, on pictures it was not made for, against training on those pictures themselves.

    .venv/bin/python -m benchmarks.generators --generator FILE --data data/tiny-imagenet-100 --classes 10 \\
        --out build/generators

DATA holds train/CLASS/FILE and test/CLASS/FILE; `--first` and `--classes` choose some of its classes, in order. Both
noises have the same radii, in whole pixels, and the preset's own learner takes 10 passes over each. Every number is
kept in OUT as it comes. `--on-card NAME` writes the outcome into the generator's card under NAME. `--treated` does
something to all training pictures first, such as turning them grey.
"""

import json
import time
from dataclasses import replace
from typing import Any

from benchmarks.measuring import RADII, accuracies, by_generator, protected, spec_of, threat_name, treated
from benchmarks.setting import Setting, opened, parser
from core.countermeasures.registry import COUNTERMEASURES
from core.generators.measurements import GENERATOR, ORIGINALS, TRAINED, outcome
from core.noise.generator_file import save
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.runtime.progress import Progress

ROWS = (ORIGINALS, TRAINED, GENERATOR)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    options.add_argument("--on-card", metavar="NAME")
    options.add_argument("--treated", metavar="COUNTERMEASURE", choices=COUNTERMEASURES)
    args = options.parse_args()
    setting = opened(args)
    found = {row: _measured(row, args.treated, setting) for row in args.rows}
    _print_table(found, setting)
    if args.on_card:
        _note(args.on_card, setting, found)


def _measured(row: str, countermeasure: str | None, setting: Setting) -> dict[str, Any]:
    """Seconds until there is noise, of which so many for the final pass; test accuracies by radius."""
    images, file = setting.images, setting.kept(row if countermeasure is None else f"{row} {countermeasure}")
    if file.exists():
        known: dict[str, Any] = json.loads(file.read_text())
        return known
    progress, pixels = Progress(), images.pixels
    conditions, card = setting.conditions.with_progress(progress), setting.generator.card
    if row == TRAINED:
        setup = NoiseSetup(spec=spec_of(card, seed=conditions.seed), preset=conditions.preset)
        surrogate = train_surrogate(images, setup, conditions.run)
        pixels = protected(surrogate, images.labels, images, card, conditions)
    elif row == GENERATOR:
        pixels = by_generator(setting.generator, images, conditions)
    progress.finish()
    seconds = {stage: round(progress.seconds.get(stage, 0.0), 1) for stage in ("training", "noise")}
    if countermeasure is not None:
        pixels = treated(pixels, images, countermeasure, setting.conditions)
    began = time.monotonic()
    found = accuracies(pixels, images, setting.test, setting.conditions)
    measured = {"seconds": seconds, "accuracy": found, "learners_seconds": round(time.monotonic() - began)}
    file.write_text(json.dumps(measured))
    print(row, measured, flush=True)
    return measured


def _print_table(found: dict[str, Any], setting: Setting) -> None:
    print(setting.about)
    print(f"| noise | training, s | noise, pictures/s | {' | '.join(threat_name(radius) for radius in RADII)} |")
    print("|---|---|---|---|---|---|")
    for row, measured in found.items():
        training, making = measured["seconds"]["training"], measured["seconds"]["noise"]
        speed = f"{len(setting.images.labels) / making:.0f}" if making else "–"
        accuracy = " | ".join(f"{measured['accuracy'][str(radius)]:.1f}" for radius in RADII)
        print(f"| {row} | {training:.0f} | {speed} | {accuracy} |")


def _note(name: str, setting: Setting, found: dict[str, Any]) -> None:
    """Put what was measured on the generator's card."""
    own = outcome(
        {row: measured["accuracy"] for row, measured in found.items()},
        data=setting.data,
        classes=setting.images.classes,
        training_images=len(setting.images.labels),
        test_images=len(setting.test.labels),
        seed=setting.conditions.seed,
    )
    card = setting.generator.card
    measured = {**(card.measured or {}), name: own}
    save(setting.generator.model, replace(card, measured=measured), setting.file, network=setting.generator.network)


if __name__ == "__main__":
    main()
