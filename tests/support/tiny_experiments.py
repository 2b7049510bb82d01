"""Small drawn images, and a scale at which experiments take seconds."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.configs import NTGAConfig, PGDSearch, Preset, TrainingLength
from core.specs.presets import PRESETS
from experiments.catalogue import EXPERIMENTS
from experiments.datasets import ExperimentImages
from experiments.measure import ExperimentCache
from experiments.run import Callbacks, ReproduceConfig, reproduce
from experiments.scale import Scale

_SHORT = PGDSearch(outer_steps=2, outer_step=0.5, samples=1, inner_steps=1, inner_step=0.5)
_QUICK = PRESETS["quick"]


def _length(updates: int, batch: int = 32) -> TrainingLength:
    return TrainingLength(epochs=0, min_updates=updates, max_updates=updates, batch=batch)


def _tiny_preset(size: int) -> Preset:
    return replace(
        _QUICK,
        noise={
            method: replace(config, length=_length(2), training=_SHORT, final=_SHORT)
            for method, config in _QUICK.noise.items()
        },
        ntga=NTGAConfig(block_size=30, validation_images=20, steps=2, step=0.55),
        schedules={"quick": replace(_QUICK.schedules["quick"], length=_length(3), attack_steps=1)},
    )


TINY = Scale(name="tiny", preset=_tiny_preset, max_size=32, schedule="quick", stand_ins={"resnet18": "small"})


def drawn_images(classes: int = 2, train: int = 40, test: int = 50) -> ExperimentImages:
    """Images uint8 (n, 3, 32, 32): random noise around one colour for each class."""
    rng = np.random.default_rng(0)
    colours = rng.integers(60, 196, (classes, 3, 1, 1))

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.sort(np.arange(count) % classes).astype(np.int64)
        return (colours[labels] + rng.integers(-60, 60, (count, 3, 32, 32))).astype(np.uint8), labels

    (train_pixels, train_labels), (test_pixels, test_labels) = draw(train), draw(test)
    return ExperimentImages(
        name="drawn",
        classes=classes,
        train=train_pixels,
        train_labels=train_labels,
        test=test_pixels,
        test_labels=test_labels,
    )


def tiny_cache(
    folder: Path, images: ExperimentImages | None = None, on_progress: Callable[[object], None] | None = None
) -> ExperimentCache:
    return ExperimentCache(
        folder,
        images or drawn_images(),
        TINY,
        device=Device("cpu", cores=2),
        progress=Progress(on_progress, interval=0),
    )


def drawn_folder(root: Path, classes: int = 2, train: int = 12, test: int = 25) -> Path:
    """Write the images as train/CLASS/* and test/CLASS/*; `train` and `test` count the images of each class."""
    images = drawn_images(classes, classes * train, classes * test)
    for split in ("train", "test"):
        pixels, labels = getattr(images, split), getattr(images, f"{split}_labels")
        for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            path = root / split / f"class{label}" / f"{number:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(path)
    return root


def run_tiny(name: str, source: Path, out: Path, scale: Scale = TINY, **options: Any) -> list[str]:
    """Reproduce an experiment, at the tiny scale by default, with options of ReproduceConfig; returns the messages."""
    lines: list[str] = []

    def print_line(line: str) -> None:
        lines.append(line)
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    config = ReproduceConfig(scale=scale, **options)
    callbacks = Callbacks(on_message=print_line)
    reproduce(EXPERIMENTS[name], source, out, config, device=Device("cpu", cores=2), callbacks=callbacks)
    return lines


if __name__ == "__main__":
    run_tiny(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
