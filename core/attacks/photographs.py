"""Random transformations of photographs, as usual in training: a resized crop, a mirror image, other colours."""

import torch
from torch import Tensor

from core.attacks.transforms import Transform, flip_and_resized_crop

MIN_CROP_AREA = 0.35
"""Smallest share of the area that a crop keeps. The 8 % of ImageNet's training suit trainings of many passes only."""
JITTER = 0.2
"""Largest relative change of brightness, contrast and saturation."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the brightness of a pixel (ITU-R BT.601)."""


def colour_jitter(n: int, strength: float, *, generator: torch.Generator) -> Transform:
    """Draw other brightness, contrast and saturation for each image, in this order; the result is clipped to [0, 1].

    Images of one channel have no saturation. The transformation is differentiable.

    Args:
        n: The number of images.
        strength: The largest relative change of each of the three, 0 to 1.
        generator: The source of randomness, on the device of the images.
    """
    draws = torch.rand(3, n, generator=generator, device=generator.device)
    factors = 1 + strength * (2 * draws - 1)

    def jitter(x: Tensor) -> Tensor:
        brightness, contrast, saturation = factors.to(x.dtype)[:, :, None, None, None]
        x = x * brightness
        mean = _luma(x).mean(dim=(2, 3), keepdim=True)
        x = mean + (x - mean) * contrast
        if x.shape[1] == 3:
            grey = _luma(x)
            x = grey + (x - grey) * saturation
        return x.clamp(0, 1)

    return jitter


def photograph_transform(n: int, size: int, *, generator: torch.Generator) -> Transform:
    """Draw a horizontal flip, a crop of MIN_CROP_AREA or more that is scaled back, and other colours for each image.

    Args:
        n: The number of images.
        size: Their height and width in pixels.
        generator: The source of randomness, on the device of the images.
    """
    crop = flip_and_resized_crop(n, size, generator=generator, min_area=MIN_CROP_AREA)
    jitter = colour_jitter(n, JITTER, generator=generator)
    return lambda x: jitter(crop(x))


def _luma(x: Tensor) -> Tensor:
    """The brightness (n, 1, h, w) of images with one or three channels."""
    if x.shape[1] == 1:
        return x
    weights = torch.tensor(LUMA, dtype=x.dtype, device=x.device)
    return (x * weights[None, :, None, None]).sum(1, keepdim=True)
