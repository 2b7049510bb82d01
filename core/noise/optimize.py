"""The search for the noise of one batch: projected gradient descent on the objective, then whole pixel units."""

import torch
from torch import Tensor

from core.attacks.losses import Network
from core.attacks.pgd import Tick, pgd
from core.noise.objective import Objective, robust_loss


def optimize_noise(
    network: Network, x: Tensor, y: Tensor, objective: Objective, *, generator: torch.Generator, tick: Tick
) -> Tensor:
    """Search for the delta_u of a batch from a random start: lines 8 to 16 of Algorithm 1.

    Args:
        network: Maps images to logits; its weights stay fixed.
        x: Images (n, c, h, w) in [0, 1].
        y: Labels int64 (n,).
        objective: The loss, the radii and the steps. With no outer steps there is no search, and no noise.
        generator: The source of randomness, on the device of `x`.
        tick: Called after each step.

    Returns:
        float (n, c, h, w), |delta_u| <= radius_u / 255; x + delta_u is in [0, 1].
    """
    if objective.outer_steps == 0:
        return torch.zeros_like(x)
    loss = robust_loss(network, y, objective, generator=generator, tick=tick)
    return pgd(loss, x, objective.outer_search, generator=generator, tick=tick)


def quantize_noise(delta: Tensor, pixels: Tensor, radius: int) -> Tensor:
    """Round noise to whole pixel units, so that the bound and the range 0 to 255 hold exactly.

    Args:
        delta: float (n, c, h, w) in the unit of images in [0, 1].
        pixels: uint8 (n, c, h, w), the images without noise.
        radius: The bound in pixel units of 255.

    Returns:
        int16 (n, c, h, w), |noise| <= radius; pixels + noise is in 0 to 255.
    """
    original = pixels.to(torch.int16)
    noise = (delta * 255).round().to(torch.int16).clamp(-radius, radius)
    return (original + noise).clamp(0, 255) - original
