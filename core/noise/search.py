"""The noise of every image, by a fresh search with the surrogate's last state (the formula after Eq. (5))."""

import torch
from torch import Tensor

from core.attacks.norms import PIXEL
from core.models.folded import FoldedModel
from core.noise.objective import Objective, optimize_noise, quantize_noise
from core.runtime.device import Device
from core.runtime.progress import Progress

BATCH = 256


def final_noise(
    network: FoldedModel,
    pixels: Tensor,
    labels: Tensor,
    *,
    objective: Objective,
    device: Device,
    generator: torch.Generator,
    progress: Progress,
    patterns: Tensor | None = None,
) -> Tensor:
    """Noise for all of `pixels` (uint8, (n, c, s, s)) in whole pixel units: int8 (n, c, s, s), |noise| <= radius_u.

    Every image has its turn, also where n is no multiple of a batch or less than one. The search begins at the pattern
    of the image's class, (classes, c, s, s), or at random. `progress` counts images.
    """

    def noise_of(shown: Tensor, y: Tensor, *, generator: torch.Generator) -> Tensor:
        start = None if patterns is None else patterns[y]
        x, tick = shown.float() * PIXEL, progress.tick
        delta = optimize_noise(network, x, y, objective, generator=generator, tick=tick, start=start)
        return quantize_noise(delta, shown, objective.radius_u).to(torch.int8)

    noise = []
    for x, y in zip(pixels.split(BATCH), labels.split(BATCH), strict=True):
        part = device.in_chunks(noise_of, x, y, rows_per_image=objective.samples, generator=generator, alone=True)
        noise.append(part)
        progress.advance(len(part))
    return torch.cat(noise)
