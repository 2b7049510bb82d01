"""A noise network that is trained together with a surrogate from random weights, for the measurement on a GPU."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.imaging.perceptual_bound import strongest_within
from core.imaging.scaled_noise import TYPICAL_FULL_FLIP
from core.metrics.flip import FlipReference
from core.models.registry import build_network
from core.noise.inference import predict_noise
from core.noise.joint_training import train_jointly
from core.noise.noise_network import NoiseNetwork, create_noise_network
from core.noise.setup import NoiseSetup
from core.runtime.atomic_files import write_json
from core.runtime.context import RunContext
from core.specs.configs import JointConfig, TrainingLength
from core.specs.lr_schedule import LearningRate
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.specs.visibility import VISIBILITY_TARGETS
from core.training.labelled_images import LabelledArrays
from experiments.cells import Cell, Noise
from experiments.datasets import ExperimentImages
from experiments.measure import ExperimentCache

JOINT = Noise(method="joint", radius_u=8)
BALANCED = Noise(method="joint-balanced", radius_u=8)
UNSEEN_FILE = "unseen-classes.json"
UPDATES = 2_000
UNSEEN = 10  # the first classes of these take no part in the training
RADII = (0, 4)
SEED = 0


def joint_noise(cache: ExperimentCache) -> None:
    """Train a noise network on the training images, and keep its noise for them.

    Args:
        cache: Gets the noise under the name of JOINT, unless it has it.
    """
    if cache.has_noise(JOINT, SEED):
        return
    images, run = cache.images.train_set, RunContext(device=cache.device)
    began = time.monotonic()
    network = train_from_scratch(images, cache, run)
    mask = np.ones(len(images), bool)
    made = predict_noise(network, images, run, radius=JOINT.radius_u, protect_mask=mask)
    cache.save_noise(JOINT, SEED, made, seconds=time.monotonic() - began)


def joint_on_unseen_classes(cache: ExperimentCache) -> None:
    """Train a noise network on all classes but the first UNSEEN, and measure its noise on those.

    Args:
        cache: Its folder gets unseen-classes.json: the accuracy in per cent of ResNet-18 by noise and radius.
    """
    _measure_unseen(cache, joint_noise_for_unseen(cache), {"the originals": None, "joint": JOINT})


def joint_on_photographs(cache: ExperimentCache) -> None:
    """The same on photographs, also with the noise of each image scaled to the target of `balanced`.

    Args:
        cache: As above.
    """
    part = joint_noise_for_unseen(cache)
    if not part.has_noise(BALANCED, SEED):
        within = noise_within(
            part.load_noise(JOINT, SEED), part.images.train, max_flip=VISIBILITY_TARGETS["balanced"].flip
        )
        part.save_noise(BALANCED, SEED, within, seconds=0.0)
    _measure_unseen(cache, part, {"the originals": None, "joint": JOINT, "joint, balanced": BALANCED})


def joint_noise_for_unseen(cache: ExperimentCache) -> ExperimentCache:
    """Train a noise network on all classes but the first UNSEEN, and keep its noise for those.

    Args:
        cache: Its folder gets the folder of the UNSEEN classes, unless it has it.

    Returns:
        The images of the UNSEEN classes, and their noise.
    """
    run, everything, few = RunContext(device=cache.device), cache.images.train_set, _first_classes(cache.images)
    part = ExperimentCache(cache.folder / "unseen", few, cache.scale, device=cache.device, progress=run.progress)
    if not part.has_noise(JOINT, SEED):
        others = everything.select(everything.labels >= UNSEEN)
        others = replace(others, labels=others.labels - UNSEEN, classes=everything.classes - UNSEEN)
        began = time.monotonic()
        network = train_from_scratch(others, cache, run)
        mask = np.ones(len(few.train), bool)
        made = predict_noise(network, few.train_set, run, radius=JOINT.radius_u, protect_mask=mask)
        part.save_noise(JOINT, SEED, made, seconds=time.monotonic() - began)
    return part


def noise_within(noise: NDArray[np.int8], images: NDArray[np.uint8], *, max_flip: float) -> NDArray[np.int8]:
    """The noise of each image, scaled until the image is as visibly changed as it may be.

    Args:
        noise: int8 (n, 3, s, s).
        images: uint8 (n, 3, s, s).
        max_flip: Largest FLIP of an image.
    """

    @dataclass(frozen=True)
    class Scaled:
        noise: NDArray[np.int8]
        flip: float

    def scaled(one: NDArray[np.int8], image: NDArray[np.uint8]) -> NDArray[np.int8]:
        reference = FlipReference(image.transpose(1, 2, 0))

        def attempt(scale: float) -> Scaled:
            part = np.rint(one * scale).astype(np.int8)
            changed = np.clip(image.astype(np.int16) + part, 0, 255).astype(np.uint8)
            return Scaled(part, reference.flip(changed.transpose(1, 2, 0)))

        return strongest_within(attempt, target=max_flip, typical=TYPICAL_FULL_FLIP, highest=1.0).noise

    return np.stack([scaled(one, image) for one, image in zip(noise, images, strict=True)])


def _measure_unseen(cache: ExperimentCache, part: ExperimentCache, noises: Mapping[str, Noise | None]) -> None:
    found = {
        label: {str(r): round(100 * part.measure(Cell(noise=noise, radius=r), SEED).accuracy, 1) for r in RADII}
        for label, noise in noises.items()
    }
    write_json(cache.folder / UNSEEN_FILE, json.loads(json.dumps(found)))


def train_from_scratch(images: LabelledArrays, cache: ExperimentCache, run: RunContext) -> NoiseNetwork:
    """Train a noise network and a surrogate together; both start from random weights.

    Args:
        images: The training images.
        cache: Its preset has the surrogate, and at its smallest the length.
        run: The device.
    """
    preset = cache.preset
    length = TrainingLength(epochs=0, min_updates=UPDATES, max_updates=UPDATES)
    joint = preset.noise["sem"].joint or JointConfig(length=length, learning_rate=LearningRate(peak=0.05))
    searches = preset.noise["sem"] if preset.noise["sem"].joint else QUICK.noise["sem"]
    setup = NoiseSetup(
        spec=ProtectSpec(method="sem", radius_u=JOINT.radius_u, radius_a=4, seed=SEED),
        preset=replace(preset, noise=preset.noise | {"sem": replace(searches, joint=joint)}),
    )
    _, channels, size, _ = images.pixels.shape
    start = build_network(
        "small", channels=channels, size=size, classes=images.classes, seed=SEED, device=cache.device.name
    )
    network = create_noise_network(
        start, channels=channels, size=size, classes=images.classes, radius=JOINT.radius_u, seed=SEED
    )
    return train_jointly(network, images, setup, run, outputs=images.classes)


def _first_classes(images: ExperimentImages) -> ExperimentImages:
    def of(pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return pixels[labels < UNSEEN], labels[labels < UNSEEN]

    (train, train_labels), (test, test_labels) = (
        of(images.train, images.train_labels),
        of(images.test, images.test_labels),
    )
    return ExperimentImages(
        name=images.name,
        classes=UNSEEN,
        train=train,
        train_labels=train_labels,
        test=test,
        test_labels=test_labels,
    )
