"""What the benchmarks of protection share: pictures from a folder, and what a learner makes of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.countermeasures import COUNTERMEASURES
from core.dataset import Dataset, Picture, load_pixels
from core.device import Device
from core.learning import Labelled, Threat, train
from core.models import build
from core.presets import Preset
from core.progress import Progress

RADII = (0, 2, 4)  # of adversarial training, of 255; 0 is standard training


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """uint8 (n, 3, size, size) and int64 (n,), of `classes` classes."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: int


def read(folder: Path, *, per_class: int, size: int = 32, first: int = 0, classes: int | None = None) -> Images:
    """The first `per_class` files of each class of `folder`; of `classes` of them from number `first`, or of all."""
    names = sorted(path.name for path in folder.iterdir())[first:][:classes]
    files = [(label, f) for label, name in enumerate(names) for f in sorted((folder / name).iterdir())[:per_class]]
    pictures = tuple(
        Picture(
            path=file.name,
            file=file,
            label=label,
            split=None,
            width=size,
            height=size,
            mode="RGB",
            format="JPEG",
            sha256="",
        )
        for label, file in files
    )
    dataset = Dataset(name="", root=folder, classes=tuple(names), pictures=pictures, others=(), skipped=())
    labels = np.array([label for label, _ in files], dtype=np.int64)
    return Images(pixels=load_pixels(dataset, size), labels=labels, classes=len(names))


def accuracies(
    pixels: NDArray[np.uint8], clean: Images, test: Images, *, seed: int, preset: Preset, device: Device
) -> dict[str, float]:
    """Test accuracy in per cent after training on `pixels` with the labels of `clean`, by radius: 10 passes."""
    return {
        str(radius): accuracy(pixels, clean, test, radius, seed=seed, preset=preset, device=device) for radius in RADII
    }


def threat_name(radius: int) -> str:
    """A column's head."""
    return f"AT {radius}/255" if radius else "standard"


def treated(
    pixels: NDArray[np.uint8], clean: Images, countermeasure: str, *, seed: int, device: Device
) -> NDArray[np.uint8]:
    """`pixels` after what somebody does to them once, knowing the labels of `clean`."""
    on = _on(device, pixels, clean.labels)
    treat = COUNTERMEASURES[countermeasure].treat
    return treat(on.pixels, on.labels, generator=device.generator(seed, 201)).numpy(force=True)


def accuracy(
    pixels: NDArray[np.uint8],
    clean: Images,
    test: Images,
    radius: int,
    *,
    seed: int,
    preset: Preset,
    device: Device,
) -> float:
    """Test accuracy in per cent after training on `pixels` at one radius: 10 passes."""
    course = preset.courses["quick"]
    model = build(
        preset.architecture,
        channels=3,
        size=pixels.shape[-1],
        classes=clean.classes,
        seed=seed + 100,
        device=device.name,
    )
    curve = train(
        model,
        _on(device, pixels, clean.labels),
        _on(device, test.pixels, test.labels),
        threat=Threat(radius=radius, steps=course.attack_steps, step=course.attack_step),
        updates=10 * len(pixels) // course.length.batch,
        batch=course.length.batch,
        learning_rate=course.learning_rate,
        device=device,
        generator=device.generator(seed, 200),
        progress=Progress(),
    )
    return round(100 * curve.accuracy[-1], 2)


def _on(device: Device, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> Labelled:
    return Labelled(pixels=torch.from_numpy(pixels).to(device.name), labels=torch.from_numpy(labels).to(device.name))
