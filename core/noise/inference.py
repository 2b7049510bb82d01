"""The noise of every image, by a noise network in one forward pass."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.attacks.norms import PIXEL
from core.noise.noise_network import NoiseNetwork
from core.noise.objective import quantize_noise
from core.noise.shards import Numbered, in_shards
from core.runtime.checkpoints import CheckpointStore
from core.runtime.device import CPU_ROWS, Device
from core.runtime.progress import Progress

ROWS = 1024  # images that a GPU takes at once


def one_pass_noise(
    network: NoiseNetwork,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    shards: list[NDArray[np.int64]],
    *,
    radius: int,
    device: Device,
    progress: Progress,
    checkpoints: CheckpointStore,
) -> NDArray[np.int8]:
    """Noise for the images in `shards`, zero for the rest: int8 (n, c, s, s), |noise| <= radius, in whole pixel units.

    `pixels` is uint8 (n, c, s, s), `labels` (n,), each a class of the network; nothing is drawn.
    """
    network.eval()

    def noise_of(shown: Tensor, y: Tensor) -> Tensor:
        progress.tick()
        with torch.inference_mode():
            return quantize_noise(network(shown.float() * PIXEL, y), shown, radius).to(torch.int8)

    def of_shard(places: NDArray[np.int64]) -> NDArray[np.int8]:
        x, y = (torch.from_numpy(some[places]).to(device.name) for some in (pixels, labels))
        rows = CPU_ROWS if device.is_cpu else ROWS
        parts = device.side_by_side(noise_of, list(zip(x.split(rows), y.split(rows), strict=True)))
        progress.advance(len(places))
        return torch.cat(parts).numpy(force=True)

    def make(group: list[Numbered]) -> list[NDArray[np.int8]]:
        return [of_shard(places) for _, places in group]

    return in_shards(pixels.shape, shards, make, at_once=1, progress=progress, checkpoints=checkpoints)
