"""The inputs that the benchmarks of methods share: a few images, and noises that are kept in a folder."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.measuring import Conditions, read_images, with_noise
from core.noise.make import generate_noise
from core.noise.setup import NoiseSetup
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.specs.configs import Preset
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays

ORIGINALS = "originals"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallImages:
    """What a benchmark measures on, and where its results are kept.

    Attributes:
        train: The training images.
        test: The test images.
        run: The device.
        out: The folder of results; what is there is not measured again.
    """

    train: LabelledArrays
    test: LabelledArrays
    run: RunContext
    out: Path

    @property
    def caption(self) -> str:
        """How many images there are, and where they were computed with."""
        return f"{len(self.train):,} training and {len(self.test):,} test images, {self.run.device.label}"

    def conditions(self, seed: int, preset: Preset = QUICK) -> Conditions:
        """What the learners of one seed share."""
        return Conditions(seed=seed, preset=preset, run=self.run)

    def protected(self, method: str, seed: int, *, preset: Preset, name: str) -> LabelledArrays:
        """The training images with the noise of a method, or as they are for ORIGINALS.

        Args:
            method: The method.
            seed: Of the noise.
            preset: Its numbers.
            name: Of the file that keeps the noise: tells apart what `method` does not.
        """
        if method == ORIGINALS:
            return self.train
        file = self.out / f"noise-{name}-{seed}.npy"
        if not file.exists():
            setup, mask = (
                NoiseSetup(spec=ProtectSpec(method=method, seed=seed), preset=preset),
                np.ones(len(self.train), bool),
            )
            noise = generate_noise(self.train, setup, self.run, protect_mask=mask, train_mask=mask)
            unfinished = file.with_suffix(".part.npy")
            np.save(unfinished, noise)
            unfinished.rename(file)
        return with_noise(self.train, np.load(file))


def shortened(preset: Preset, updates: int) -> Preset:
    """The preset whose surrogates take a number of updates at most."""
    noise = {
        method: replace(
            config,
            length=replace(
                config.length,
                min_updates=min(config.length.min_updates, updates),
                max_updates=min(config.length.max_updates, updates),
            ),
        )
        for method, config in preset.noise.items()
    }
    return replace(preset, noise=noise)


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Make a parser with the options of `open_images`.

    Args:
        description: What --help shows, the docstring of the benchmark.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with train/CLASS/FILE and test/CLASS/FILE")
    parser.add_argument("--out", type=Path, required=True, help="the folder for results; existing ones are kept")
    parser.add_argument("--train", type=int, default=80, help="the training images of a class")
    parser.add_argument("--test", type=int, default=200, help="the test images of a class")
    parser.add_argument("--updates", type=int, default=60, help="the updates of a surrogate, at most")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of noises and learners")
    parser.add_argument("--cores", type=int, help="the cores to use; by default all")
    return parser


def open_images(args: argparse.Namespace) -> SmallImages:
    """Read the images that the options of `argument_parser` name, and create the folder of results."""
    args.out.mkdir(parents=True, exist_ok=True)
    return SmallImages(
        train=read_images(args.data / "train", per_class=args.train),
        test=read_images(args.data / "test", per_class=args.test),
        run=RunContext(device=Device(cores=args.cores)),
        out=args.out,
    )
