"""A noise pattern for each class, from which the final search may start.

A few steps from a pattern reach as far as many steps from random noise (benchmarks/noise_cost.py). The noise of the
paper is sample-wise; class-wise noise is from Huang et al. 2021.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.attacks.norms import PIXEL, Linf
from core.attacks.pgd import MINIMIZE, PGDConfig, pgd
from core.models.folded import FoldedModel
from core.noise.final_search import BATCH
from core.noise.methods import objective_of
from core.noise.objective import Objective, robust_loss
from core.noise.optimize import quantize_noise
from core.noise.setup import NoiseSetup
from core.runtime.context import RunContext
from core.runtime.device import CPU_ROWS
from core.training.labelled_images import LabelledArrays, LabelledTensors

STEP = 0.1  # of radius_u: a pattern is an average over images, so its search takes small steps
MID_GREY = 0.5  # a pattern on mid-grey stays in [0, 1] for each radius below half


def search_from_patterns(
    surrogate: nn.Module, images: LabelledArrays, setup: NoiseSetup, run: RunContext, *, pattern_steps: int
) -> NDArray[np.int8]:
    """Search for the noise of all images, each from the pattern of its class.

    Args:
        surrogate: The network that is attacked.
        images: The images to protect; the labels are outputs of the surrogate.
        setup: The method, the radii and the search.
        run: The device and the progress.
        pattern_steps: The steps that find a pattern.

    Returns:
        int8 (n, c, s, s) in pixel units, |noise| <= radius_u.
    """
    objective, device = objective_of(setup, setup.config.final), run.device
    network, on_device = FoldedModel(surrogate, dtype=device.dtype), images.on(device)
    patterns = class_patterns(
        network,
        on_device,
        objective,
        run,
        classes=int(images.labels.max()) + 1,
        steps=pattern_steps,
        generator=device.generator(setup.spec.seed, 4),
    )

    def noise_of(pixels: Tensor, y: Tensor, *, generator: torch.Generator) -> Tensor:
        loss = robust_loss(network, y, objective, generator=generator, tick=run.progress.tick)
        x = pixels.float() * PIXEL
        delta = pgd(loss, x, objective.outer_search, generator=generator, start=patterns[y], tick=run.progress.tick)
        return quantize_noise(delta, pixels, objective.radius_u).to(torch.int8)

    generator = device.generator(setup.spec.seed, 3)
    noise = [
        device.map_chunks(noise_of, pixels, y, rows_per_image=objective.samples, generator=generator)
        for pixels, y in zip(on_device.pixels.split(BATCH), on_device.labels.split(BATCH), strict=True)
    ]
    return torch.cat(noise).numpy(force=True)


def class_patterns(
    network: FoldedModel,
    images: LabelledTensors,
    objective: Objective,
    run: RunContext,
    *,
    classes: int,
    steps: int,
    generator: torch.Generator,
) -> Tensor:
    """Find for each class the noise that lowers the objective most if all its images get the same.

    Args:
        network: The frozen surrogate.
        images: Images and labels on the device.
        objective: The loss and the radii; a step takes one draw.
        run: The device and the progress.
        classes: The number of classes.
        steps: The steps of the search; each sees CPU_ROWS newly drawn images of the class.
        generator: The source of randomness.

    Returns:
        float32 (classes, c, s, s) in the unit of images in [0, 1], |pattern| <= radius_u / 255; zero for a class
        without images.
    """
    device = run.device
    seeds = torch.randint(2**62, (classes,), generator=generator, device=generator.device).tolist()
    one_draw = replace(objective, samples=1)
    radius = objective.radius_u * PIXEL
    search = PGDConfig(ball=Linf(radius), steps=steps, step_size=STEP * radius, sign=MINIMIZE)

    def pattern(label: int, seed: int) -> Tensor:
        own = images.pixels[images.labels == label]
        draws = torch.Generator(device.name).manual_seed(seed)
        base = torch.full((1, *images.pixels.shape[1:]), MID_GREY, device=device.name)
        if not len(own):
            return torch.zeros_like(base)

        def loss(on_grey: Tensor) -> Tensor:
            x = own[torch.randint(len(own), (CPU_ROWS,), generator=draws, device=device.name)].float() * PIXEL
            y = torch.full((CPU_ROWS,), label, device=device.name)
            robust = robust_loss(network, y, one_draw, generator=draws, tick=run.progress.tick)
            return robust((x + (on_grey - MID_GREY)).clamp(0, 1))

        return pgd(loss, base, search, generator=draws)

    return torch.cat(device.starmap(pattern, list(enumerate(seeds))))
