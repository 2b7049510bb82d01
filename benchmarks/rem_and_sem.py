"""How long REM and SEM take with the same updates, steps, draws and images.

    .venv/bin/python -m benchmarks.rem_and_sem [--updates 10] [--rounds 3]

Prints the seconds of the surrogate's training and of the final noise for each method, and their ratios. The images are
random, of 32 px. Both methods take the search of the preset's REM, so they differ only in the inner maximum: K_a steps
of PGD in REM (Fu et al. 2022, Algorithm 1), a uniform draw in SEM (Liu et al. 2024).
"""

import argparse
import time
from dataclasses import replace
from statistics import median

import numpy as np

from core.noise.final_search import search_noise
from core.noise.methods import objective_of
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.specs.configs import Preset, TrainingLength
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays

IMAGES, CLASSES = 1_024, 10
METHODS = ("rem", "sem")


def main() -> None:
    args = _arguments()
    device = Device(cores=args.cores)
    config = replace(
        QUICK.noise["rem"], length=TrainingLength(epochs=0, min_updates=args.updates, max_updates=args.updates)
    )
    preset = replace(QUICK, noise=dict.fromkeys(METHODS, config))
    seconds: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    for _ in range(args.rounds):
        for method in METHODS:
            seconds[method].append(_seconds(method, preset, device))
    print(f"\n{args.updates} updates of 128, noise for {IMAGES:,} images, median of {args.rounds}, {device.label}\n")
    print("| method | passes per update and image | training, s | passes per image | noise, s |\n|---|---|---|---|---|")
    for method, rounds in seconds.items():
        training, making = (median(one[stage] for one in rounds) for stage in (0, 1))
        setup = NoiseSetup(spec=ProtectSpec(method=method), preset=preset)
        step = objective_of(setup, config.training).passes + config.training.inner_steps
        final = objective_of(setup, config.final).passes
        print(f"| {method.upper()} | {step} | {training:.1f} | {final} | {making:.1f} |")
    ratios = [median(rem[stage] / sem[stage] for rem, sem in zip(*seconds.values(), strict=True)) for stage in (0, 1)]
    print(f"\nREM takes {ratios[0]:.1f} times as long as SEM to train, {ratios[1]:.1f} times to make the noise.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=10, help="updates of the surrogate, of 128 images each")
    parser.add_argument("--rounds", type=int, default=3, help="the table shows the median of these")
    parser.add_argument("--cores", type=int, help="the cores to use; by default all")
    return parser.parse_args()


def _seconds(method: str, preset: Preset, device: Device) -> tuple[float, float]:
    """The seconds of the surrogate's training, and of the final noise."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (IMAGES, 3, 32, 32), dtype=np.uint8)
    labels = draw.integers(0, CLASSES, IMAGES)
    images = LabelledArrays(pixels=pixels, labels=labels, classes=CLASSES)
    setup, run = NoiseSetup(spec=ProtectSpec(method=method), preset=preset), RunContext(device=device)
    began = time.monotonic()
    surrogate = train_surrogate(images, setup, run)
    trained = time.monotonic()
    search_noise(surrogate, images, setup, run, protect_mask=np.ones(IMAGES, bool))
    return trained - began, time.monotonic() - trained


if __name__ == "__main__":
    main()
