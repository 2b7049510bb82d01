"""What the benchmarks of protection share: pictures from a folder, and what a learner makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.pretrained import start_from
from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.generators.card import Card
from core.ingest.dataset import ImageDataset, ImageRecord
from core.ingest.pixels import load_pixels
from core.models.registry import build
from core.noise.class_map import class_map
from core.noise.generator_file import TrainedGenerator
from core.noise.inference import predict_noise
from core.noise.search import search_noise
from core.noise.setup import NoiseSetup
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.configs import Preset
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays
from core.training.learner import LearnerImages, LearnerMethod, train
from core.training.loop import TrainingPlan

Weights = Mapping[str, Tensor]
RADII = (0, 2, 4)  # of adversarial training, of 255; 0 is standard training


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What every measurement of a benchmark shares: its seed, its preset, and where it runs."""

    seed: int
    preset: Preset
    run: RunContext

    @property
    def device(self) -> Device:
        return self.run.device

    def with_progress(self, progress: Progress) -> "Conditions":
        """The same conditions with a progress that counts the seconds of each stage."""
        return replace(self, run=self.run.with_progress(progress))


def read(folder: Path, *, per_class: int, size: int = 32, first: int = 0, classes: int | None = None) -> LabelledArrays:
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
    dataset = ImageDataset(name="", root=folder, classes=tuple(names), images=pictures, passthrough=(), skipped=())
    labels = np.array([label for label, _ in files], dtype=np.int64)
    return LabelledArrays(pixels=load_pixels(dataset, size), labels=labels, classes=len(names))


def accuracies(
    pixels: NDArray[np.uint8], clean: LabelledArrays, test: LabelledArrays, conditions: Conditions
) -> dict[str, float]:
    """Test accuracy in per cent after training on `pixels` with the labels of `clean`, by radius: 10 passes."""
    return {str(radius): accuracy(pixels, clean, test, radius, conditions) for radius in RADII}


def threat_name(radius: int) -> str:
    """The head of a column."""
    return f"AT {radius}/255" if radius else "standard"


def treated(
    pixels: NDArray[np.uint8], clean: LabelledArrays, countermeasure: str, conditions: Conditions
) -> NDArray[np.uint8]:
    """`pixels` after a countermeasure that is applied once, and may use the labels of `clean`."""
    on = replace(clean, pixels=pixels).on(conditions.device)
    treat = COUNTERMEASURES[countermeasure].preprocess
    generator = conditions.device.generator(conditions.seed, 201)
    return treat(on.pixels, on.labels, generator=generator).numpy(force=True)


def accuracy(
    pixels: NDArray[np.uint8],
    clean: LabelledArrays,
    test: LabelledArrays,
    radius: int,
    conditions: Conditions,
    *,
    start: Weights | None = None,
) -> float:
    """Test accuracy in per cent after training on `pixels` at one radius: 10 passes, from given or random weights."""
    return trained_learner(pixels, clean, test, radius, conditions, start=start)[1]


def trained_learner(
    pixels: NDArray[np.uint8],
    clean: LabelledArrays,
    test: LabelledArrays,
    radius: int,
    conditions: Conditions,
    *,
    start: Weights | None = None,
) -> tuple[nn.Module, float]:
    """The learner that `accuracy` measures, and its accuracy."""
    course, device, seed = conditions.preset.schedules["quick"], conditions.device, conditions.seed
    model = build(
        conditions.preset.architecture,
        channels=3,
        size=pixels.shape[-1],
        classes=clean.classes,
        seed=seed + 100,
        device=device.name,
    )
    if start is not None:
        start_from(model, start)
    method = LearnerMethod(
        threat=ThreatModel(radius=radius, steps=course.attack_steps, step=course.attack_step),
        plan=TrainingPlan(
            updates=10 * len(pixels) // course.length.batch,
            batch=course.length.batch,
            learning_rate=course.learning_rate,
        ),
    )
    images = LearnerImages(train=replace(clean, pixels=pixels).on(device), test=test.on(device))
    curve = train(model, images, method, RunContext(device=device), generator=device.generator(seed, 200))
    return model, round(100 * curve.accuracy[-1], 2)


def spec_of(card: Card, *, seed: int) -> ProtectSpec:
    """The spec of a generator's noise."""
    return ProtectSpec(method=card.method, radius_u=card.radius_u, radius_a=card.radius_a, seed=seed)


def protected(
    surrogate: nn.Module, outputs: NDArray[np.int64], images: LabelledArrays, card: Card, conditions: Conditions
) -> NDArray[np.uint8]:
    """`images` with noise by the card's method and radii that draws each to its own of the `outputs`, int64 (n,)."""
    setup = NoiseSetup(spec=spec_of(card, seed=conditions.seed), preset=conditions.preset)
    everything = np.ones(len(outputs), bool)
    noise = search_noise(surrogate, replace(images, labels=outputs), setup, conditions.run, protect_mask=everything)
    return (images.pixels + noise).astype(np.uint8)


def by_generator(generator: TrainedGenerator, images: LabelledArrays, conditions: Conditions) -> NDArray[np.uint8]:
    """`images` as the generator protects them without training: by its noise network, or else by a search."""
    outputs, card = outputs_of(generator, images), generator.card
    if generator.network is None:
        return protected(generator.model, outputs, images, card, conditions)
    labelled, everything = replace(images, labels=outputs), np.ones(len(outputs), bool)
    noise = predict_noise(generator.network, labelled, conditions.run, radius=card.radius_u, protect_mask=everything)
    return (images.pixels + noise).astype(np.uint8)


def outputs_of(generator: TrainedGenerator, images: LabelledArrays) -> NDArray[np.int64]:
    """The generator's output for each image's class, int64 (n,)."""
    return class_map(images.classes, outputs=generator.card.classes)[images.labels]
