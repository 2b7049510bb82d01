"""The noise of each image by a noise network, in one forward pass."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.attacks.norms import PIXEL
from core.noise.noise_network import NoiseNetwork
from core.noise.optimize import quantize_noise
from core.noise.shards import Shard, make_in_shards, shards_of
from core.runtime.context import RunContext
from core.runtime.device import CPU_ROWS
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
        run: The checkpoints hold each finished shard.
        radius: The bound in pixel units of 255.
        protect_mask: bool (n,), the images that get noise.

    Returns:
        int8 (n, c, s, s) in pixel units of 255, |noise| <= radius; zero where `protect_mask` is False.
    """
    network.eval()

    def predict(pixels: Tensor, y: Tensor) -> Tensor:
        run.progress.tick()
        with torch.inference_mode():
            return quantize_noise(network(pixels.float() * PIXEL, y), pixels, radius).to(torch.int8)

    def noise_of(shard: Shard) -> NDArray[np.int8]:
        part = images.select(shard.indices).on(run.device)
        rows = CPU_ROWS if run.device.is_cpu else GPU_ROWS
        batches = list(zip(part.pixels.split(rows), part.labels.split(rows), strict=True))
        noise = torch.cat(run.device.starmap(predict, batches)).numpy(force=True)
        run.progress.advance(len(shard.indices))
        return noise

    def make(group: list[Shard]) -> list[NDArray[np.int8]]:
        return [noise_of(shard) for shard in group]

    run.progress.start("noise", int(protect_mask.sum()))
    return make_in_shards(images.pixels.shape, shards_of(protect_mask), make, run, parallel=1)
