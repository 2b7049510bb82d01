"""How far each noise makes models fall: test accuracy after standard and adversarial training, mean of several seeds.

    .venv/bin/python -m benchmarks.protection --data data/cifar10 --out build/protection

DATA holds train/CLASS/FILE and test/CLASS/FILE. Radius_u 8, radius_a 4; noise in whole pixels, by the preset; its own
learner, 10 passes over the data. Every number is kept in OUT as it comes; the same command goes on where it stopped.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import RADII, Conditions, accuracies, read
from core.noise.make import generate_noise
from core.noise.setup import NoiseSetup
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.specs.configs import Preset
from core.specs.presets import PRESETS
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays

METHODS = ("clean", "em", "rem", "sem")
KNOWN = (*METHODS, "tap", "ntga")


def main() -> None:
    args = _arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    preset, device = PRESETS[args.preset], Device(cores=args.cores)
    train_set = read(args.data / "train", per_class=args.train // 10)
    test_set = read(args.data / "test", per_class=args.test // 10)
    for seed in args.seeds:
        for method in args.methods:
            conditions = Conditions(seed=seed, preset=preset, run=RunContext(device=device))
            _measure(args.out / f"{method}-{seed}.json", method, train_set, test_set, conditions)
    _print_table(args, preset, device)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="quick", choices=sorted(PRESETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=KNOWN)
    parser.add_argument("--cores", type=int, help="so that several processes can share the seeds")
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--test", type=int, default=2_000)
    return parser.parse_args()


def _measure(file: Path, method: str, images: LabelledArrays, test: LabelledArrays, conditions: Conditions) -> None:
    """Make one noise, train a learner at each radius on it, and write what came of it to `file`."""
    if file.exists():
        return
    began = time.monotonic()
    delivered = images.pixels if method == "clean" else _protected(images, method, conditions)
    seconds = time.monotonic() - began
    found = accuracies(delivered, images, test, conditions)
    file.write_text(json.dumps({"noise_seconds": seconds, "accuracy": found}))
    print(file.stem, f"noise {seconds:.0f} s", found, flush=True)


def _protected(images: LabelledArrays, method: str, conditions: Conditions) -> NDArray[np.uint8]:
    setup = NoiseSetup(spec=ProtectSpec(method=method, seed=conditions.seed), preset=conditions.preset)
    everything = np.ones(len(images), bool)
    noise = generate_noise(images, setup, conditions.run, protect_mask=everything, train_mask=everything)
    return (images.pixels.astype(np.int16) + noise).astype(np.uint8)


def _print_table(args: argparse.Namespace, preset: Preset, device: Device) -> None:
    print(f"\n{args.train:,} training and {args.test:,} test images, seeds {args.seeds}, {preset.name}, {device.label}")
    print("Test accuracy in %, mean (standard deviation over seeds), and how far it falls below clean\n")
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
