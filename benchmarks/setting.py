"""The options and inputs that the benchmarks of a trained generator share."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Conditions, read_images
from core.noise.generator_file import TrainedGenerator, load_generator
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.specs.presets import PRESETS
from core.training.labelled_images import LabelledArrays


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The inputs of a benchmark of a trained generator.

    Attributes:
        file: The file of the generator.
        generator: The generator.
        conditions: The seed, the preset that the generator was trained by, and the device.
        data: The name of the dataset.
        first: The number of the first class that is read.
        images: The training images.
        test: The test images.
        out: The folder for results.
    """

    file: Path
    generator: TrainedGenerator
    conditions: Conditions
    data: str
    first: int
    images: LabelledArrays
    test: LabelledArrays
    out: Path

    def result_file(self, row: str) -> Path:
        """The file for the results of a row; its name contains all that they depend on."""
        counts = f"{self.images.classes}-classes-{len(self.images.labels)}-{len(self.test.labels)}-pictures"
        name = f"{self.file.stem}-on-{self.data}-from-{self.first}-{counts}-{row}-{self.conditions.seed}"
        return self.out / f"{name.replace(',', '').replace(' ', '-')}.json"

    @property
    def caption(self) -> str:
        """The caption of a table."""
        return (
            f"\n{self.file.name} on {self.data}: {self.images.classes} classes, {len(self.images):,} training and "
            f"{len(self.test):,} test images, seed {self.conditions.seed}, {self.conditions.device.label}\n"
        )


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Make a parser with the options that the benchmarks share.

    Args:
        description: What --help shows, the docstring of the benchmark.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", type=Path, required=True, help="the file of a trained generator")
    parser.add_argument("--data", type=Path, required=True, help="a folder with train/CLASS/FILE and test/CLASS/FILE")
    parser.add_argument(
        "--out", type=Path, required=True, help="the folder for results; existing ones are not measured again"
    )
    parser.add_argument("--first", type=int, default=0, help="the number of the first class, in the order of the names")
    parser.add_argument("--classes", type=int, help="the number of classes; by default all from the first one on")
    parser.add_argument("--train", type=int, default=1_000, help="the training images of a class, at most")
    parser.add_argument("--test", type=int, default=200, help="the test images of a class, at most")
    parser.add_argument("--seed", type=int, default=0, help="the seed of noises and learners")
    parser.add_argument("--cores", type=int, help="the cores to use; by default all")
    return parser


def open_setting(args: argparse.Namespace) -> Setting:
    """Read the inputs that the options of `argument_parser` name, and create the folder for results."""
    args.out.mkdir(parents=True, exist_ok=True)
    device = Device(cores=args.cores)
    generator = load_generator(args.generator, device=device.name)

    def images(split: str, per_class: int) -> LabelledArrays:
        folder = args.data / split
        return read_images(
            folder, per_class=per_class, size=generator.card.size, first=args.first, classes=args.classes
        )

    return Setting(
        file=args.generator,
        generator=generator,
        conditions=Conditions(seed=args.seed, preset=PRESETS[generator.card.preset], run=RunContext(device=device)),
        data=args.data.name,
        first=args.first,
        images=images("train", args.train),
        test=images("test", args.test),
        out=args.out,
    )
