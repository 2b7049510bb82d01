"""Training what makes noise: the surrogate, and a noise network in the place of its search."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.models.registry import build
from core.noise.generator_file import TrainedGenerator
from core.noise.methods import objective_of
from core.noise.noise_network import NoiseNetwork, network_of
from core.noise.surrogate import SurrogateTraining
from core.noise.train_noise_network import NoiseNetworkTraining, WeightedSurrogate
from core.noise.tuning import surrogate_from
from core.runtime.checkpoints import CheckpointStore
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.presets import Preset
from core.specs.protect import ProtectSpec

SURROGATE = "surrogate.safetensors"
GREY = "grey-surrogate.safetensors"
NETWORK = "noise-network.safetensors"


def train_surrogate(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: int,
    spec: ProtectSpec,
    preset: Preset,
    *,
    device: Device,
    progress: Progress,
    checkpoints: CheckpointStore,
    start: TrainedGenerator | None = None,
    grey: float = 0.0,
) -> nn.Module:
    """The noise generator for these images: uint8 (n, c, s, s), labels (n,). Goes on from what the shelf has.

    It begins at the weights of `start`, a generator of their size, or at random ones of the preset's architecture.
    With `grey` it is the second surrogate of a noise network: T turns so many of its images grey as well.
    """
    recipe = preset.noise[spec.method or preset.method]
    count, channels, size, _ = pixels.shape
    updates = recipe.length.updates(count)
    if start is None:
        model = build(
            preset.architecture, channels=channels, size=size, classes=classes, seed=spec.seed, device=device.name
        )
    else:
        model = surrogate_from(start, channels=channels, classes=classes, seed=spec.seed)
    training = SurrogateTraining(
        model,
        torch.from_numpy(pixels).to(device.name),
        torch.from_numpy(labels).to(device.name),
        objective=replace(objective_of(spec, preset, recipe.training), grey=grey),
        updates=updates,
        batch=recipe.length.batch,
        learning_rate=recipe.learning_rate,
        device=device,
        generator=device.generator(spec.seed),
    )
    stage, name = ("grey", GREY) if grey else ("training", SURROGATE)
    progress.start(stage, updates)
    training.resume(progress, checkpoints=checkpoints, name=name)
    training.keep(checkpoints, name)
    return model.eval()


def train_network(
    surrogate: nn.Module,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: int,
    spec: ProtectSpec,
    preset: Preset,
    *,
    device: Device,
    progress: Progress,
    checkpoints: CheckpointStore,
    grey: bool = False,
) -> NoiseNetwork | None:
    """The noise network of a trained surrogate, None where the recipe has none. Goes on from what the shelf has.

    With `grey` a second surrogate, which is trained here and not kept, judges the noise in grey.
    """
    recipe = preset.noise[spec.method or preset.method]
    if recipe.network is None:
        return None
    count, channels, size, _ = pixels.shape
    alike: dict[str, Any] = {"channels": channels, "size": size, "classes": classes, "radius": spec.radius_u}
    learned: Any = (pixels, labels, classes, spec, preset)
    run: dict[str, Any] = {"device": device, "progress": progress, "checkpoints": checkpoints}
    training = NoiseNetworkTraining(
        network_of(surrogate, **alike, seed=spec.seed, device=device.name),
        _judges(surrogate, *learned, grey=grey, **run),
        torch.from_numpy(pixels).to(device.name),
        torch.from_numpy(labels).to(device.name),
        updates=recipe.network.updates(count),
        batch=recipe.network.batch,
        learning_rate=recipe.learning_rate,
        device=device,
        generator=device.generator(spec.seed, 5),
    )
    progress.start("network", training.updates)
    training.resume(progress, checkpoints=checkpoints, name=NETWORK)
    training.keep(checkpoints, NETWORK)
    return training.network.eval()


def _judges(
    surrogate: nn.Module,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: int,
    spec: ProtectSpec,
    preset: Preset,
    *,
    grey: bool,
    **run: Any,
) -> list[WeightedSurrogate]:
    """What a noise network is trained against: the surrogate, and with `grey` one that knows the pictures in grey."""
    recipe = preset.noise[spec.method or preset.method]
    aim = replace(objective_of(spec, preset, recipe.final), samples=1)
    if not grey:
        return [WeightedSurrogate(surrogate=surrogate, objective=aim)]
    of_grey = train_surrogate(pixels, labels, classes, spec, preset, grey=recipe.grey_chance, **run)
    return [
        WeightedSurrogate(surrogate=surrogate, objective=aim, share=1 - recipe.grey_share),
        WeightedSurrogate(surrogate=of_grey, objective=replace(aim, grey=1.0), share=recipe.grey_share),
    ]
