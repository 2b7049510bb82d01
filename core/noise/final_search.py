"""The final search: the noise of each image by PGD on the trained surrogate (Fu et al. 2022, after Eq. (5))."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.models.folded import FoldedModel
from core.noise.methods import objective_of
from core.noise.objective import Objective, transformed_pixels
from core.noise.optimize import optimize_noise, quantize_noise
from core.noise.protected_images import ProtectedImages
from core.noise.saved_network import load_network, save_network
from core.noise.setup import NoiseSetup
from core.noise.shards import Shard, make_in_shards, shards_of
from core.runtime.checkpoints import CheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
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
        run: The checkpoints hold each finished shard; its board offers shards to helpers.
        protect_mask: bool (n,), the images that get noise.

    Returns:
        int8 (n, c, s, s) in pixel units of 255, |noise| <= radius_u; zero where `protect_mask` is False.
    """
    objective = objective_of(setup, setup.config.final)
    protected = ProtectedImages(images=images, protect_mask=protect_mask)
    run.progress.start("noise", int(protect_mask.sum()))
    return make_in_shards(FinalSearch(surrogate, protected, objective, run.device, seed=setup.spec.seed), run)


class FinalSearch:
    """Makes the noise of shards by searching for it (`core.noise.shards.NoiseMaker`).

    Args:
        surrogate: Images (n, c, s, s) in [0, 1] to logits; it stays unchanged.
        protected: The images.
        objective: The loss, the radii and the steps of the search.
        device: Where it computes.
        seed: Of the protection.
    """

    KIND = "search"

    def __init__(
        self, surrogate: nn.Module, protected: ProtectedImages, objective: Objective, device: Device, *, seed: int
    ) -> None:
        self._surrogate, self._protected, self._objective, self._seed = surrogate, protected, objective, seed
        self._network = FoldedModel(surrogate, dtype=device.dtype)
        self.shape, self.shards = protected.images.pixels.shape, shards_of(protected.protect_mask)

    def parallel(self, device: Device) -> int:
        """One shard, whose images are divided among the cores."""
        return 1

    def make(self, group: list[Shard], run: RunContext) -> list[NDArray[np.int8]]:
        """The noise of some shards, int8 (m, c, s, s)."""
        return [self._noise_of(shard, run) for shard in group]

    def save(self, checkpoints: CheckpointStore) -> None:
        """Save the surrogate, the images and the settings of the search."""
        network = save_network(self._surrogate, checkpoints)
        settings = {"network": network, "objective": asdict(self._objective), "seed": self._seed}
        self._protected.save(checkpoints, kind=self.KIND, settings=settings)

    @classmethod
    def load(
        cls, protected: ProtectedImages, settings: Mapping[str, Any], checkpoints: CheckpointStore, device: Device
    ) -> "FinalSearch":
        """What `save` saved."""
        surrogate = load_network(settings["network"], checkpoints, device=device.name)
        return cls(surrogate, protected, Objective(**settings["objective"]), device, seed=settings["seed"])

    def delete_images(self, checkpoints: CheckpointStore) -> None:
        """Delete the images."""
        self._protected.delete_images(checkpoints)

    def _noise_of(self, shard: Shard, run: RunContext) -> NDArray[np.int8]:
        generator = run.device.generator(self._seed, RandomStream.FINAL_SEARCH, shard.number)
        part = self._protected.images.select(shard.indices).on(run.device)
        return final_noise(self._network, part, self._objective, run, generator=generator).numpy(force=True)


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
