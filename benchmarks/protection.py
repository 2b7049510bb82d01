"""How far each noise lowers the test accuracy under standard and adversarial training, as a mean of several seeds.

    .venv/bin/python -m benchmarks.protection --data data/cifar10 --out build/protection

Prints a table by noise and radius of adversarial training. DATA holds train/CLASS/FILE and test/CLASS/FILE. The noise
has radius_u 8 and radius_a 4 and is made by the preset, whose learner takes 10 passes over each training set. Results
are saved in OUT as soon as they are measured, so the same command continues after an interruption.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from benchmarks.measuring import RADII, Conditions, accuracies, read_images, with_noise
from core.noise.make import generate_noise
from core.noise.setup import NoiseSetup
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.specs.configs import Preset
from core.specs.presets import PRESETS
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays

DEFAULT_METHODS = ("clean", "em", "rem", "sem")
METHODS = (*DEFAULT_METHODS, "tap", "ntga")


def main() -> None:
    args = _arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    preset, device = PRESETS[args.preset], Device(cores=args.cores)
    train_set = read_images(args.data / "train", per_class=args.train // 10)
    test_set = read_images(args.data / "test", per_class=args.test // 10)
    for seed in args.seeds:
        for method in args.methods:
            conditions = Conditions(seed=seed, preset=preset, run=RunContext(device=device))
            _measure(args.out / f"{method}-{seed}.json", method, train_set, test_set, conditions)
    _print_table(args, preset, device)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with train/CLASS/FILE and test/CLASS/FILE")
    parser.add_argument(
        "--out", type=Path, required=True, help="the folder for results; existing ones are not measured again"
    )
    parser.add_argument("--preset", default="quick", choices=sorted(PRESETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=DEFAULT_METHODS, choices=METHODS)
    parser.add_argument(
        "--cores", type=int, help="the cores to use, so that several processes can run at once; by default all"
    )
    parser.add_argument("--train", type=int, default=10_000, help="the training images of 10 classes together")
    parser.add_argument("--test", type=int, default=2_000, help="the test images of 10 classes together")
    return parser.parse_args()


def _measure(file: Path, method: str, images: LabelledArrays, test: LabelledArrays, conditions: Conditions) -> None:
    """Make a noise, train a learner at each radius on it, and write the accuracies to `file`."""
    if file.exists():
        return
    began = time.monotonic()
    train_set = images if method == "clean" else _protected(images, method, conditions)
    seconds = time.monotonic() - began
    found = accuracies(train_set, test, conditions)
    file.write_text(json.dumps({"noise_seconds": seconds, "accuracy": found}))
    print(file.stem, f"noise {seconds:.0f} s", found, flush=True)


def _protected(images: LabelledArrays, method: str, conditions: Conditions) -> LabelledArrays:
    setup = NoiseSetup(spec=ProtectSpec(method=method, seed=conditions.seed), preset=conditions.preset)
    mask = np.ones(len(images), bool)
    noise = generate_noise(images, setup, conditions.run, protect_mask=mask, train_mask=mask)
    return with_noise(images, noise)


def _print_table(args: argparse.Namespace, preset: Preset, device: Device) -> None:
    print(f"\n{args.train:,} training and {args.test:,} test images, seeds {args.seeds}, {preset.name}, {device.label}")
    print("Test accuracy in %, mean (standard deviation over seeds), and the difference to clean\n")
    print("| noise | seconds | standard | AT 2/255 | AT 4/255 |\n|---|---|---|---|---|")
    clean = None
    for method in args.methods:
        runs = [json.loads((args.out / f"{method}-{seed}.json").read_text()) for seed in args.seeds]
        found = np.array([[run["accuracy"][str(radius)] for radius in RADII] for run in runs])
        clean = found.mean(0) if clean is None else clean
        cells = [
            f"{mean:.1f} ({spread:.1f}), {mean - base:+.1f}"
            for mean, spread, base in zip(found.mean(0), found.std(0), clean, strict=True)
        ]
        seconds = np.mean([run["noise_seconds"] for run in runs])
        print(f"| {method.upper()} | {seconds:.0f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
