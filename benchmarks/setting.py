"""What the benchmarks of a trained generator begin with: its file, pictures of some classes, a seed and a device."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Conditions, read
from core.noise.generator_file import TrainedGenerator, load
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.specs.presets import PRESETS
from core.training.labelled_images import LabelledArrays


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A generator, the preset it was trained by, training and test pictures, and where results are kept."""

    file: Path
    generator: TrainedGenerator
    conditions: Conditions
    data: str
    first: int  # number of the first class
    images: LabelledArrays
    test: LabelledArrays
    out: Path

    def kept(self, row: str) -> Path:
        """The file in which what was measured of a row is kept: its name has all that the numbers depend on."""
        counts = f"{self.images.classes}-classes-{len(self.images.labels)}-{len(self.test.labels)}-pictures"
        name = f"{self.file.stem}-on-{self.data}-from-{self.first}-{counts}-{row}-{self.conditions.seed}"
        return self.out / f"{name.replace(',', '').replace(' ', '-')}.json"

    @property
    def about(self) -> str:
        """A table's caption."""
        return (
            f"\n{self.file.name} on {self.data}: {self.images.classes} classes, {len(self.images):,} training and "
            f"{len(self.test):,} test images, seed {self.conditions.seed}, {self.conditions.device.label}\n"
        )


def parser(about: str | None) -> argparse.ArgumentParser:
    """The options that all of them have; DATA holds train/CLASS/FILE and test/CLASS/FILE."""
    found = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--generator", type=Path, required=True)
    found.add_argument("--data", type=Path, required=True)
    found.add_argument("--out", type=Path, required=True)
    found.add_argument("--first", type=int, default=0, help="number of the first class, in the order of their names")
    found.add_argument("--classes", type=int, help="how many classes; default: all from the first on")
    found.add_argument("--train", type=int, default=1_000, help="training pictures of a class, at most")
    found.add_argument("--test", type=int, default=200, help="test pictures of a class, at most")
    found.add_argument("--seed", type=int, default=0)
    found.add_argument("--cores", type=int)
    return found


def opened(args: argparse.Namespace) -> Setting:
    """The setting that these options ask for; makes the folder for results."""
    args.out.mkdir(parents=True, exist_ok=True)
    device = Device(cores=args.cores)
    generator = load(args.generator, device=device.name)

    def images(split: str, per_class: int) -> LabelledArrays:
        folder = args.data / split
        return read(folder, per_class=per_class, size=generator.card.size, first=args.first, classes=args.classes)

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
