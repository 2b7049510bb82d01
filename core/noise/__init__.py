"""Images in, noise in whole pixel units out: a surrogate is trained, then each image's noise found by a final search.

NTGA alone needs no surrogate (`core.noise.ntga`).
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.device import Device
from core.models import build
from core.models.frozen import Frozen
from core.noise.final import final_noise
from core.noise.generator import Generator
from core.noise.methods import METHODS
from core.noise.ntga import NAME as NTGA
from core.noise.ntga import describe_ntga, ntga_noise
from core.noise.objective import Objective
from core.noise.pattern import class_patterns
from core.noise.shards import Numbered, in_shards
from core.noise.surrogate import SurrogateTraining
from core.noise.tuning import surrogate_from
from core.presets import NoiseRecipe, Preset, Search
from core.progress import Progress
from core.shelf import Shelf
from core.spec import ProtectSpec

SURROGATE = "surrogate.safetensors"
SHARD = 1024  # images whose noise is kept together


def noise_for(
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
    shelf: Shelf,
) -> NDArray[np.int8]:
    """Noise for the `chosen` images, zero for the rest, learned from the `kept` ones: int8 (n, c, s, s)."""
    run: dict[str, Any] = {"device": device, "progress": progress, "shelf": shelf}
    if (spec.method or preset.method) == NTGA:
        asked: dict[str, Any] = {"radius": spec.radius_u, "seed": spec.seed, "recipe": preset.ntga}
        return ntga_noise(pixels, labels, chosen, kept, classes, **asked, **run)
    surrogate = train_surrogate(pixels[kept], labels[kept], classes, spec, preset, **run)
    return make_noise(surrogate, pixels, labels, chosen, spec, preset, **run)


def train_surrogate(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: int,
    spec: ProtectSpec,
    preset: Preset,
    *,
    device: Device,
    progress: Progress,
    shelf: Shelf,
    start: Generator | None = None,
) -> nn.Module:
    """The noise generator for these images: uint8 (n, c, s, s), labels (n,). Goes on from what the shelf has.

    It begins at the weights of `start`, a generator of their size, or at random ones of the preset's architecture.
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
        objective=objective(spec, preset, recipe.training),
        updates=updates,
        batch=recipe.length.batch,
        learning_rate=recipe.learning_rate,
        device=device,
        generator=device.generator(spec.seed),
    )
    progress.start("training", updates)
    training.go_on(progress, shelf=shelf, name=SURROGATE)
    training.keep(shelf, SURROGATE)
    return model.eval()


def make_noise(
    surrogate: nn.Module,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    spec: ProtectSpec,
    preset: Preset,
    *,
    device: Device,
    progress: Progress,
    shelf: Shelf,
) -> NDArray[np.int8]:
    """Noise for the `chosen` images, zero for the rest: int8 (n, c, s, s), |noise| <= radius_u.

    Each shard draws from its own seed and is kept as it comes, so a broken-off run ends with the same bytes.
    """
    recipe = preset.noise[spec.method or preset.method]
    aim = objective(spec, preset, recipe.final)
    network = Frozen(surrogate, dtype=device.dtype)
    places = np.flatnonzero(chosen)
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

    progress.start("noise", len(places))
    shards = [places[first : first + SHARD] for first in range(0, len(places), SHARD)]
    return in_shards(pixels.shape, shards, make, at_once=1, progress=progress, shelf=shelf)


def _patterns(
    network: Frozen,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    aim: Objective,
    search: Search,
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


def objective(spec: ProtectSpec, preset: Preset, search: Search) -> Objective:
    """Eq. (5) with the spec's radii, the method's switches and the recipe's search."""
    return METHODS[spec.method or preset.method].applied_to(
        Objective(
            radius_u=spec.radius_u,
            radius_a=spec.adversarial_radius,
            inner="attack",
            eot=spec.eot,
            outer_steps=search.outer_steps,
            outer_step=search.outer_step,
            samples=search.samples,
            inner_steps=search.inner_steps,
            inner_step=search.inner_step,
        )
    )


def describe(spec: ProtectSpec, preset: Preset, *, size: int, trained_on: int) -> dict[str, object]:
    """What made the noise, for the report; `radius_a` and `eot` are as the method used them."""
    name = spec.method or preset.method
    found: dict[str, object] = {"method": name, "preset": preset.name, "work_size": size, "radius_u": spec.radius_u}
    if name == NTGA:
        return found | describe_ntga(preset.ntga, trained_on=trained_on)
    recipe: NoiseRecipe = preset.noise[name]
    aim = objective(spec, preset, recipe.final)
    return found | {
        "source": METHODS[name].source,
        "surrogate": preset.architecture,
        "radius_a": aim.radius_a,
        "eot": aim.eot,
        "trained_on_images": trained_on,
        "training_steps": recipe.length.updates(trained_on),
        "passes_per_image": aim.passes,
    }
