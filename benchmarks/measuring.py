"""What the benchmarks share: images from a folder, protection by a generator, and the accuracy of learners."""

import copy
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
from core.models.registry import build_network
from core.noise.class_map import class_map
from core.noise.final_search import search_noise
from core.noise.generator_file import TrainedGenerator
from core.noise.inference import predict_noise
from core.noise.joint_training import train_jointly
from core.noise.secret_directions import with_secret_directions
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
PASSES = 10  # over the training images, of a learner
RADII = (0, 2, 4)  # of adversarial training, in pixel units of 255; 0 is standard training


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all measurements of a benchmark share.

    Attributes:
        seed: The seed of noises and learners.
        preset: The networks, searches and training schedules.
        run: The device, the progress and the checkpoints.
    """

    seed: int
    preset: Preset
    run: RunContext

    @property
    def device(self) -> Device:
        """Where the measurements are computed."""
        return self.run.device

    def with_progress(self, progress: Progress) -> "Conditions":
        """The same conditions with another progress, which counts the seconds of each stage."""
        return replace(self, run=self.run.with_progress(progress))


def read_images(
    folder: Path, *, per_class: int, size: int = 32, first: int = 0, classes: int | None = None
) -> LabelledArrays:
    """Read images from the folders of their classes.

    Args:
        folder: Holds CLASS/FILE.
        per_class: The images of a class, at most: the first ones in the order of their names.
        size: The height and width to scale them to, in pixels.
        first: The number of the first class to read, in the order of the names.
        classes: The number of classes to read; None reads all from the first one on.
    """
    names = sorted(path.name for path in folder.iterdir())[first:][:classes]
    files = [(label, f) for label, name in enumerate(names) for f in sorted((folder / name).iterdir())[:per_class]]
    records = tuple(
        ImageRecord(
            path=file.name,
            disk_path=file,
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
    dataset = ImageDataset(name="", root=folder, classes=tuple(names), images=records, passthrough=(), skipped=())
    labels = np.array([label for label, _ in files], dtype=np.int64)
    return LabelledArrays(pixels=load_pixels(dataset, size), labels=labels, classes=len(names))


def threat_name(radius: int) -> str:
    """The heading of the column for an adversary of this radius, in pixel units of 255."""
    return f"AT {radius}/255" if radius else "standard"


def after_countermeasure(train_set: LabelledArrays, name: str, conditions: Conditions) -> LabelledArrays:
    """Change a training set by a countermeasure that is applied once, before training.

    Args:
        train_set: The images and their labels, which the countermeasure may use.
        name: A key of COUNTERMEASURES.
        conditions: The seed and the device.
    """
    images, generator = train_set.on(conditions.device), conditions.device.generator(conditions.seed, 201)
    pixels = COUNTERMEASURES[name].preprocess(images.pixels, images.labels, generator=generator)
    return replace(train_set, pixels=pixels.numpy(force=True))


def accuracies(train_set: LabelledArrays, test: LabelledArrays, conditions: Conditions) -> dict[str, float]:
    """Measure the test accuracy at each of RADII; see `accuracy`. The keys are the radii as text."""
    return {str(radius): accuracy(train_set, test, radius, conditions) for radius in RADII}


def accuracy(
    train_set: LabelledArrays,
    test: LabelledArrays,
    radius: int,
    conditions: Conditions,
    *,
    start: Weights | None = None,
    norm: str = "Linf",
    passes: int = PASSES,
) -> float:
    """Train the learner of the preset, and measure its test accuracy in per cent.

    Args:
        train_set: The images that it learns from.
        test: Clean images of the same classes.
        radius: The radius of adversarial training in pixel units of 255; 0 is standard training.
        conditions: The seed, the preset and the device.
        start: The weights to start from, of the same architecture; None draws random ones.
        norm: The norm of adversarial training, a key of ALL_BALLS.
        passes: Over the training images.
    """
    return train_learner(train_set, test, radius, conditions, start=start, norm=norm, passes=passes)[1]


def train_learner(
    train_set: LabelledArrays,
    test: LabelledArrays,
    radius: int,
    conditions: Conditions,
    *,
    start: Weights | None = None,
    norm: str = "Linf",
    passes: int = PASSES,
) -> tuple[nn.Module, float]:
    """Return the learner that `accuracy` trains, and its accuracy; the parameters are the same."""
    schedule, device, seed = conditions.preset.schedules["quick"], conditions.device, conditions.seed
    model = build_network(
        conditions.preset.architecture,
        channels=3,
        size=train_set.pixels.shape[-1],
        classes=train_set.classes,
        seed=seed + 100,
        device=device.name,
    )
    if start is not None:
        start_from(model, start)
    method = LearnerMethod(
        threat=ThreatModel(norm=norm, radius=radius, steps=schedule.attack_steps, step=schedule.attack_step),
        plan=learner_plan(len(train_set), conditions.preset, passes=passes),
    )
    images = LearnerImages(train=train_set.on(device), test=test.on(device))
    curve = train(model, images, method, RunContext(device=device), generator=device.generator(seed, 200))
    return model, round(100 * curve.accuracy[-1], 2)


def learner_plan(images: int, preset: Preset, *, passes: int = PASSES) -> TrainingPlan:
    """Passes over a number of training images, otherwise as the preset's quick evidence."""
    schedule = preset.schedules["quick"]
    length = replace(schedule.length, epochs=passes, min_updates=1, max_updates=passes * images)
    return TrainingPlan.of(length, schedule.learning_rate, images=images, details=preset.details)


def generator_spec(card: Card, *, seed: int) -> ProtectSpec:
    """The spec of a noise by the method and radii of a generator's card."""
    return ProtectSpec(method=card.method, radius_u=card.radius_u, radius_a=card.radius_a, seed=seed)


def protect_by_search(
    surrogate: nn.Module, outputs: NDArray[np.int64], images: LabelledArrays, card: Card, conditions: Conditions
) -> LabelledArrays:
    """Add the noise that a search on the surrogate finds.

    Args:
        surrogate: The network that is attacked.
        outputs: For each image the output of the surrogate that stands for its class, int64 (n,).
        images: The images to protect.
        card: The method and the radii.
        conditions: The seed, the preset, which has the search, and the device.
    """
    setup = NoiseSetup(spec=generator_spec(card, seed=conditions.seed), preset=conditions.preset)
    mask = np.ones(len(outputs), bool)
    noise = search_noise(surrogate, replace(images, labels=outputs), setup, conditions.run, protect_mask=mask)
    return with_noise(images, noise)


def protect_by_generator(generator: TrainedGenerator, images: LabelledArrays, conditions: Conditions) -> LabelledArrays:
    """Add the noise of a generator without training: by its noise network, or by a search if it has none.

    Args:
        generator: The trained generator.
        images: The images to protect.
        conditions: The seed, which is the secret key of a network's noise, the preset of the search, and the device.
    """
    outputs, card = class_outputs(generator, images), generator.card
    if generator.network is None:
        return protect_by_search(generator.model, outputs, images, card, conditions)
    labelled, mask = replace(images, labels=outputs), np.ones(len(outputs), bool)
    network = with_secret_directions(generator.network, conditions.seed.to_bytes(8))
    noise = predict_noise(network, labelled, conditions.run, radius=card.radius_u, protect_mask=mask)
    return with_noise(images, noise)


def protect_jointly(generator: TrainedGenerator, images: LabelledArrays, conditions: Conditions) -> LabelledArrays:
    """Add the noise of the preset `quick`: a generator's noise network is trained on the images, with a surrogate.

    Args:
        generator: The trained generator; it stays as it is.
        images: The images to protect.
        conditions: The seed, the preset and the device.
    """
    network, card, run = copy.deepcopy(generator.network), generator.card, conditions.run
    assert network is not None, "a generator without a noise network cannot be trained jointly"
    setup = NoiseSetup(spec=generator_spec(card, seed=conditions.seed), preset=conditions.preset)
    trained = train_jointly(network, images, setup, run, outputs=card.classes)
    mapped = replace(images, labels=class_outputs(generator, images), classes=card.classes)
    noise = predict_noise(trained, mapped, run, radius=card.radius_u, protect_mask=np.ones(len(images), bool))
    return with_noise(images, noise)


def with_noise(images: LabelledArrays, noise: NDArray[np.int8]) -> LabelledArrays:
    """Add noise in whole pixel units, int8 (n, c, s, s), which leaves all pixels in 0..255."""
    return replace(images, pixels=(images.pixels.astype(np.int16) + noise).astype(np.uint8))


def class_outputs(generator: TrainedGenerator, images: LabelledArrays) -> NDArray[np.int64]:
    """For each image the output of the generator's surrogate that stands for its class, int64 (n,)."""
    return class_map(images.classes, outputs=generator.card.classes)[images.labels]
