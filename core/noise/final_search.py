"""The final search: the noise of each image by PGD on the trained surrogate (Fu et al. 2022, after Eq. (5))."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.models.folded import FoldedModel
from core.noise.methods import objective_of
from core.noise.objective import Objective, transformed_pixels
from core.noise.optimize import optimize_noise, quantize_noise
from core.noise.setup import NoiseSetup
from core.noise.shards import Shard, make_in_shards, shards_of
from core.runtime.context import RunContext
from core.runtime.random_streams import RandomStream
from core.training.labelled_images import LabelledArrays, LabelledTensors

BATCH = 256


def search_noise(
    surrogate: nn.Module,
    images: LabelledArrays,
    setup: NoiseSetup,
    run: RunContext,
    *,
    protect_mask: NDArray[np.bool_],
) -> NDArray[np.int8]:
    """Search for the noise of some images with a trained surrogate.

    Each shard draws its random numbers from its own seed, so that a resumed run ends with the same bytes.

    Args:
        surrogate: Images (n, c, s, s) in [0, 1] to logits; it stays unchanged.
        images: All images; the labels are outputs of the surrogate.
        setup: The method, its radii and its numbers.
        run: The checkpoints hold each finished shard.
        protect_mask: bool (n,), the images that get noise.

    Returns:
        int8 (n, c, s, s) in pixel units of 255, |noise| <= radius_u; zero where `protect_mask` is False.
    """
    objective = objective_of(setup, setup.config.final)
    network = FoldedModel(surrogate, dtype=run.device.dtype)

    def noise_of(shard: Shard) -> NDArray[np.int8]:
        generator = run.device.generator(setup.spec.seed, RandomStream.FINAL_SEARCH, shard.number)
        part = images.select(shard.indices).on(run.device)
        return final_noise(network, part, objective, run, generator=generator).numpy(force=True)

    def make(group: list[Shard]) -> list[NDArray[np.int8]]:
        return [noise_of(shard) for shard in group]

    run.progress.start("noise", int(protect_mask.sum()))
    return make_in_shards(images.pixels.shape, shards_of(protect_mask), make, run, parallel=1)


def final_noise(
    network: FoldedModel, images: LabelledTensors, objective: Objective, run: RunContext, *, generator: torch.Generator
) -> Tensor:
    """Search for the noise of all `images`, also where their number is no multiple of the batch.

    Args:
        network: The folded surrogate.
        images: The images of one shard, on the device.
        objective: The loss, the radii and the steps of the search.
        run: The progress counts images.
        generator: All random numbers come from it.

    Returns:
        int8 (n, c, s, s) in pixel units of 255, |noise| <= radius_u.
    """

    def noise_of(pixels: Tensor, y: Tensor, *, generator: torch.Generator) -> Tensor:
        x = transformed_pixels(pixels, objective, generator=generator).float() * PIXEL
        delta = optimize_noise(network, x, y, objective, generator=generator, tick=run.progress.tick)
        return quantize_noise(delta, pixels, objective.radius_u).to(torch.int8)

    noise = []
    for pixels, y in zip(images.pixels.split(BATCH), images.labels.split(BATCH), strict=True):
        part = run.device.map_chunks(
            noise_of, pixels, y, rows_per_image=objective.samples, generator=generator, this_process_only=True
        )
        noise.append(part)
        run.progress.advance(len(part))
    return torch.cat(noise)
