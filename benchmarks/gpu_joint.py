"""A noise network that is trained together with a surrogate from random weights, for the measurement on a GPU."""

import json
import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

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
from core.training.labelled_images import LabelledArrays
from experiments.cells import Cell, Noise
from experiments.datasets import ExperimentImages
from experiments.measure import ExperimentCache

JOINT = Noise(method="joint", radius_u=8)
UPDATES = 2_000
UNSEEN = 10  # the first classes of Tiny ImageNet take no part in the training
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
    file = cache.folder / "unseen-classes.json"
    if file.exists():
        return
    run, everything = RunContext(device=cache.device), cache.images.train_set
    others = everything.select(everything.labels >= UNSEEN)
    others = replace(others, labels=others.labels - UNSEEN, classes=everything.classes - UNSEEN)
    network = train_from_scratch(others, cache, run)
    few = _first_classes(cache.images)
    part = ExperimentCache(cache.folder / "unseen", few, cache.scale, device=cache.device, progress=run.progress)
    if not part.has_noise(JOINT, SEED):
        mask = np.ones(len(few.train), bool)
        made = predict_noise(network, few.train_set, run, radius=JOINT.radius_u, protect_mask=mask)
        part.save_noise(JOINT, SEED, made, seconds=0.0)
    found = {
        label: {str(r): round(100 * part.measure(Cell(noise=noise, radius=r), SEED).accuracy, 1) for r in RADII}
        for label, noise in (("the originals", None), ("joint", JOINT))
    }
    write_json(file, json.loads(json.dumps(found)))


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
