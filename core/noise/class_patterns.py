"""One pattern a class, for the search of each image's noise to begin at: a few steps from there go as far as many from
random numbers (benchmarks/noise_cost.py). Sample-wise noise is the paper's; its class-wise form is Huang et al. 2021.
"""

from dataclasses import replace

import torch
from torch import Tensor

from core.attacks.norms import PIXEL, Linf
from core.attacks.pgd import MINIMIZE, PGDConfig, pgd
from core.models.folded import FoldedModel
from core.noise.objective import Objective, robust_loss
from core.runtime.device import CPU_ROWS, Device
from core.runtime.progress import Progress

STEP = 0.1  # of radius_u: the pattern is an average over images, so its search is slow and steady
GREY = 0.5  # no pattern of a radius below half of all values leaves [0, 1] when it lies on mid-grey


def class_patterns(
    network: FoldedModel,
    pixels: Tensor,
    labels: Tensor,
    classes: int,
    *,
    steps: int,
    objective: Objective,
    device: Device,
    generator: torch.Generator,
    progress: Progress,
) -> Tensor:
    """For each class the noise that lowers the objective most when all its images get the same: (classes, c, s, s).

    float32, |pattern| <= radius_u, in [0, 1] pixel units. `pixels` is uint8 (n, c, s, s), `labels` (n,). Each of the
    `steps` sees CPU_ROWS images of the class, drawn anew, so that the pattern belongs to none of them; a class without
    images gets zeros.
    """
    seeds = torch.randint(2**62, (classes,), generator=generator, device=generator.device).tolist()
    one_draw = replace(objective, samples=1)
    radius = objective.radius_u * PIXEL
    search = PGDConfig(ball=Linf(radius), steps=steps, step_size=STEP * radius, sign=MINIMIZE)

    def pattern(label: int, seed: int) -> Tensor:
        own = pixels[labels == label]
        draws = torch.Generator(device.name).manual_seed(seed)
        base = torch.full((1, *pixels.shape[1:]), GREY, device=device.name)
        if not len(own):
            return torch.zeros_like(base)

        def loss(on_grey: Tensor) -> Tensor:
            shown = own[torch.randint(len(own), (CPU_ROWS,), generator=draws, device=device.name)].float() * PIXEL
            y = torch.full((CPU_ROWS,), label, device=device.name)
            robust = robust_loss(network, y, one_draw, generator=draws, tick=progress.tick)
            return robust((shown + (on_grey - GREY)).clamp(0, 1))

        return pgd(loss, base, search, generator=draws)

    return torch.cat(device.side_by_side(pattern, list(enumerate(seeds))))
