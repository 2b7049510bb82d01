"""The noise of each image by a noise network, in one forward pass."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.attacks.norms import PIXEL
from core.noise.noise_network import NoiseNetwork
from core.noise.optimize import quantize_noise
from core.noise.protected_images import ProtectedImages
from core.noise.saved_network import load_network, save_network
from core.noise.shards import Shard, make_in_shards, shards_of
from core.runtime.checkpoints import CheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import CPU_ROWS, Device
from core.training.labelled_images import LabelledArrays

GPU_ROWS = 1024  # images in one batch of a GPU


def predict_noise(
    network: NoiseNetwork,
    images: LabelledArrays,
    run: RunContext,
    *,
    radius: int,
    protect_mask: NDArray[np.bool_],
) -> NDArray[np.int8]:
    """Predict the noise of some images with a noise network. Nothing is drawn: the same images get the same noise.

    Args:
        network: A trained noise network.
        images: All images; the labels are classes of the network.
        run: The checkpoints hold each finished shard; its board offers shards to helpers.
        radius: The bound in pixel units of 255.
        protect_mask: bool (n,), the images that get noise.

    Returns:
        int8 (n, c, s, s) in pixel units of 255, |noise| <= radius; zero where `protect_mask` is False.
    """
    protected = ProtectedImages(images=images, protect_mask=protect_mask)
    run.progress.start("noise", int(protect_mask.sum()))
    return make_in_shards(NoisePrediction(network, protected, radius=radius), run)


class NoisePrediction:
    """Makes the noise of shards by a noise network (`core.noise.shards.NoiseMaker`).

    Args:
        network: A trained noise network; it is set to eval mode.
        protected: The images.
        radius: The bound in pixel units of 255.
    """

    KIND = "prediction"

    def __init__(self, network: NoiseNetwork, protected: ProtectedImages, *, radius: int) -> None:
        self._network, self._protected, self._radius = network.eval(), protected, radius
        self.shape, self.shards = protected.images.pixels.shape, shards_of(protected.protect_mask)

    def parallel(self, device: Device) -> int:
        """One shard, whose images are divided among the cores."""
        return 1

    def make(self, group: list[Shard], run: RunContext) -> list[NDArray[np.int8]]:
        """The noise of some shards, int8 (m, c, s, s)."""
        return [self._noise_of(shard, run) for shard in group]

    def save(self, checkpoints: CheckpointStore) -> None:
        """Save the network, the images and the radius."""
        settings = {"network": save_network(self._network, checkpoints), "radius": self._radius}
        self._protected.save(checkpoints, kind=self.KIND, settings=settings)

    @classmethod
    def load(
        cls, protected: ProtectedImages, settings: Mapping[str, Any], checkpoints: CheckpointStore, device: Device
    ) -> "NoisePrediction":
        """What `save` saved."""
        network = load_network(settings["network"], checkpoints, device=device.name)
        assert isinstance(network, NoiseNetwork), "`save` saved one"
        return cls(network, protected, radius=settings["radius"])

    def delete_images(self, checkpoints: CheckpointStore) -> None:
        """Delete the images."""
        self._protected.delete_images(checkpoints)

    def _noise_of(self, shard: Shard, run: RunContext) -> NDArray[np.int8]:
        def predict(pixels: Tensor, y: Tensor) -> Tensor:
            run.progress.tick()
            with torch.inference_mode():
                return quantize_noise(self._network(pixels.float() * PIXEL, y), pixels, self._radius).to(torch.int8)

        part = self._protected.images.select(shard.indices).on(run.device)
        rows = CPU_ROWS if run.device.is_cpu else GPU_ROWS
        batches = list(zip(part.pixels.split(rows), part.labels.split(rows), strict=True))
        noise = torch.cat(run.device.starmap(predict, batches)).numpy(force=True)
        run.progress.advance(len(shard.indices))
        return noise
