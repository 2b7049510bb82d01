"""Plasma fractals: smooth random maps, rough at every scale, that change brightness and contrast locally.

They are made by midpoint displacement, as in Nicolaou et al. 2022 (TorMentor), whose augmentation UEraser uses.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

ROUGHNESS_RANGE = (0.3, 0.7)
BRIGHTNESS_RANGE = (0.5, 1.0)
MAX_CONTRAST = 4.0


def plasma_maps(n: int, c: int, h: int, w: int, *, generator: torch.Generator) -> Tensor:
    """Draw maps: from four random corners, each level adds the points between the known ones.

    A new point is the mean of its neighbours, blended with a random number of weight r^level. The roughness r is drawn
    for each image from ROUGHNESS_RANGE.

    Args:
        n: The number of images.
        c: The channels, each with a map of its own.
        h: The height in pixels.
        w: The width in pixels.
        generator: The source of randomness.

    Returns:
        float (n, c, h, w) in [0, 1], on the device of the generator.
    """
    device = generator.device
    roughness = uniform_per_image(n, *ROUGHNESS_RANGE, generator=generator)
    field, weight = torch.rand((n, c, 2, 2), generator=generator, device=device), torch.ones_like(roughness)
    while field.shape[-1] < max(h, w):
        side, weight = 2 * field.shape[-1] - 1, weight * roughness
        field = F.interpolate(field, (side, side), mode="bilinear", align_corners=True)
        is_new = torch.ones((side, side), device=device)
        is_new[::2, ::2] = 0
        field = torch.lerp(field, torch.rand(field.shape, generator=generator, device=device), weight * is_new)
    return field[:, :, :h, :w]


def plasma_brightness(x: Tensor, *, generator: torch.Generator) -> Tensor:
    """Brighten and darken images along a map for each channel, by up to a strength from BRIGHTNESS_RANGE.

    Args:
        x: Images (n, c, h, w) in [0, 1].
        generator: The source of randomness, on the device of `x`.
    """
    strength = uniform_per_image(len(x), *BRIGHTNESS_RANGE, generator=generator)
    return (x + (2 * plasma_maps(*x.shape, generator=generator) - 1) * strength).clamp(0, 1)


def plasma_contrast(x: Tensor, *, generator: torch.Generator) -> Tensor:
    """Multiply the contrast of images by 0 to MAX_CONTRAST along a map for each channel.

    Args:
        x: Images (n, c, h, w) in [0, 1].
        generator: The source of randomness, on the device of `x`.
    """
    return ((x - 0.5) * MAX_CONTRAST * plasma_maps(*x.shape, generator=generator) + 0.5).clamp(0, 1)


def uniform_per_image(n: int, low: float, high: float, *, generator: torch.Generator) -> Tensor:
    """Draw one number for each image, uniform in [low, high): float (n, 1, 1, 1).

    Args:
        n: The number of images.
        low: The smallest number.
        high: What all numbers lie below.
        generator: The source of randomness; the result is on its device.
    """
    return torch.rand((n, 1, 1, 1), generator=generator, device=generator.device) * (high - low) + low
