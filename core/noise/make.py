"""Images in, noise in whole pixel units out: a surrogate is trained, then each image's noise found by a final search.

A generator may have a noise network in that search's place. NTGA alone needs no surrogate (`core.noise.ntga.attack`).
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.models.folded import FoldedModel
from core.noise.class_patterns import class_patterns
from core.noise.inference import one_pass_noise
from core.noise.methods import objective_of
from core.noise.noise_network import NoiseNetwork
from core.noise.ntga.attack import NAME as NTGA
from core.noise.ntga.attack import ntga_noise
from core.noise.objective import Objective
from core.noise.search import final_noise
from core.noise.shards import Numbered, in_shards
from core.noise.train import train_network as train_network
from core.noise.train import train_surrogate as train_surrogate
from core.runtime.checkpoints import CheckpointStore
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.presets import PGDSearch, Preset
from core.specs.protect import ProtectSpec

SHARD = 1024  # images whose noise is kept together


def generate_noise(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: int,
    *,
    chosen: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    spec: ProtectSpec,
    preset: Preset,
    device: Device,
    progress: Progress,
    checkpoints: CheckpointStore,
) -> NDArray[np.int8]:
    """Noise for the `chosen` images, zero for the rest, learned from the `kept` ones: int8 (n, c, s, s)."""
    run: dict[str, Any] = {"device": device, "progress": progress, "checkpoints": checkpoints}
    if (spec.method or preset.method) == NTGA:
        asked: dict[str, Any] = {"radius": spec.radius_u, "seed": spec.seed, "recipe": preset.ntga}
        return ntga_noise(pixels, labels, chosen, kept, classes, **asked, **run)
    surrogate = train_surrogate(pixels[kept], labels[kept], classes, spec, preset, **run)
    return search_noise(surrogate, pixels, labels, chosen, spec, preset, **run)


def predict_noise(
    network: NoiseNetwork,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    spec: ProtectSpec,
    *,
    device: Device,
    progress: Progress,
    checkpoints: CheckpointStore,
) -> NDArray[np.int8]:
    """As `search_noise`, by a noise network: nothing is searched for and nothing drawn."""
    shards = _shards(chosen)
    progress.start("noise", int(chosen.sum()))
    run: dict[str, Any] = {"device": device, "progress": progress, "checkpoints": checkpoints}
    return one_pass_noise(network, pixels, labels, shards, radius=spec.radius_u, **run)


def search_noise(
    surrogate: nn.Module,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    spec: ProtectSpec,
    preset: Preset,
    *,
    device: Device,
    progress: Progress,
    checkpoints: CheckpointStore,
) -> NDArray[np.int8]:
    """Noise for the `chosen` images, zero for the rest: int8 (n, c, s, s), |noise| <= radius_u.

    Each shard draws from its own seed and is kept as it comes, so a broken-off run ends with the same bytes.
    """
    recipe = preset.noise[spec.method or preset.method]
    aim = objective_of(spec, preset, recipe.final)
    network = FoldedModel(surrogate, dtype=device.dtype)
    patterns = _patterns(network, pixels[chosen], labels[chosen], aim, recipe.final, spec, device, progress)

    def noise_of(number: int, shard: NDArray[np.int64]) -> NDArray[np.int8]:
        return final_noise(
            network,
            torch.from_numpy(pixels[shard]).to(device.name),
            torch.from_numpy(labels[shard]).to(device.name),
            objective=aim,
            device=device,
            generator=device.generator(spec.seed, 3, number),
            progress=progress,
            patterns=patterns,
        ).numpy(force=True)

    def make(group: list[Numbered]) -> list[NDArray[np.int8]]:
        return [noise_of(*numbered) for numbered in group]

    progress.start("noise", int(chosen.sum()))
    return in_shards(pixels.shape, _shards(chosen), make, at_once=1, progress=progress, checkpoints=checkpoints)


def _shards(chosen: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    places = np.flatnonzero(chosen)
    return [places[first : first + SHARD] for first in range(0, len(places), SHARD)]


def _patterns(
    network: FoldedModel,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    aim: Objective,
    search: PGDSearch,
    spec: ProtectSpec,
    device: Device,
    progress: Progress,
) -> Tensor | None:
    """Where the search of each class's images begins, (classes, c, s, s), or None where it begins at random.

    Not kept: it takes a moment, and is the same when it is made again.
    """
    if not search.pattern_steps or not len(labels):
        return None
    return class_patterns(
        network,
        torch.from_numpy(pixels).to(device.name),
        torch.from_numpy(labels).to(device.name),
        int(labels.max()) + 1,
        steps=search.pattern_steps,
        objective=aim,
        device=device,
        generator=device.generator(spec.seed, 4),
        progress=progress,
    )
