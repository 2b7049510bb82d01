"""What the benchmarks of protection share: pictures from a folder, and what a learner makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.generators.card import Card
from core.ingest.dataset import ImageDataset, ImageRecord, load_pixels
from core.models.registry import build
from core.noise import make as noises
from core.noise.class_map import class_map
from core.noise.generator_file import TrainedGenerator
from core.runtime.checkpoints import NullCheckpointStore
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.presets import Preset
from core.specs.protect import ProtectSpec
from core.training.learner import LabelledImages, train

Weights = Mapping[str, Tensor]
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
        ImageRecord(
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
    dataset = ImageDataset(name="", root=folder, classes=tuple(names), pictures=pictures, others=(), skipped=())
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
    start: Weights | None = None,
) -> float:
    """Test accuracy in per cent after training on `pixels` at one radius: 10 passes, from given or random weights."""
    run = {"seed": seed, "preset": preset, "device": device, "start": start}
    return taught(pixels, clean, test, radius, **run)[1]


def taught(
    pixels: NDArray[np.uint8],
    clean: Images,
    test: Images,
    radius: int,
    *,
    seed: int,
    preset: Preset,
    device: Device,
    start: Weights | None = None,
) -> tuple[nn.Module, float]:
    """The learner that `accuracy` measures, and what it measures."""
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
        threat=ThreatModel(radius=radius, steps=course.attack_steps, step=course.attack_step),
        updates=10 * len(pixels) // course.length.batch,
        batch=course.length.batch,
        learning_rate=course.learning_rate,
        device=device,
        generator=device.generator(seed, 200),
        progress=Progress(),
        start=start,
    )
    return model, round(100 * curve.accuracy[-1], 2)


def spec_of(card: Card, *, seed: int) -> ProtectSpec:
    """What a generator makes noise by."""
    return ProtectSpec(method=card.method, radius_u=card.radius_u, radius_a=card.radius_a, seed=seed)


def protected(
    network: nn.Module,
    outputs: NDArray[np.int64],
    images: Images,
    spec: ProtectSpec,
    *,
    preset: Preset,
    device: Device,
    progress: Progress | None = None,
) -> NDArray[np.uint8]:
    """`images` with the noise that draws each to its own of the network's `outputs`, int64 (n,)."""
    everything, run = np.ones(len(outputs), bool), {"device": device, "progress": progress or Progress()}
    noise = noises.search_noise(
        network, images.pixels, outputs, everything, spec, preset, checkpoints=NullCheckpointStore(), **run
    )
    return (images.pixels + noise).astype(np.uint8)


def by_generator(
    generator: TrainedGenerator,
    images: Images,
    *,
    seed: int,
    preset: Preset,
    device: Device,
    progress: Progress | None = None,
) -> NDArray[np.uint8]:
    """`images` as the generator protects them without any training: at once, or else by the preset's search."""
    outputs, spec = outputs_of(generator, images), spec_of(generator.card, seed=seed)
    if generator.network is None:
        return protected(generator.model, outputs, images, spec, preset=preset, device=device, progress=progress)
    everything, run = np.ones(len(outputs), bool), {"device": device, "progress": progress or Progress()}
    noise = noises.predict_noise(
        generator.network, images.pixels, outputs, everything, spec, checkpoints=NullCheckpointStore(), **run
    )
    return (images.pixels + noise).astype(np.uint8)


def outputs_of(generator: TrainedGenerator, images: Images) -> NDArray[np.int64]:
    """The generator's output for each image's class, int64 (n,)."""
    return class_map(images.classes, outputs=generator.card.classes)[images.labels]


def _on(device: Device, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> LabelledImages:
    return LabelledImages(
        pixels=torch.from_numpy(pixels).to(device.name), labels=torch.from_numpy(labels).to(device.name)
    )
