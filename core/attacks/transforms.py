"""The distribution T of random transformations (Fu et al. 2022, A.2): one draw per image, batched, differentiable."""

import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

Transform = Callable[[Tensor], Tensor]
"""Images (n, c, h, w) in [0, 1] to images of the same shape and range; the random choices are already made."""
RESIZED_CROP_MIN_SIZE = 96  # px; from this size on T has random resized crops, as in the paper for ImageNet


class DrawTransform(Protocol):
    """Draws a transformation for each image of a batch."""

    def __call__(self, n: int, size: int, *, generator: torch.Generator) -> Transform:
        """Draw the transformations.

        Args:
            n: The number of images.
            size: Their height and width in pixels.
            generator: The source of randomness, on the device of the images.
        """
        ...


class _FlipAndShift(torch.autograd.Function):
    """Mirror some images and move each by whole pixels over zeros; the gradient goes back the same way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, flip: Tensor, dy: Tensor, dx: Tensor) -> Tensor:
        ctx.save_for_backward(flip, dy, dx)
        return _shifted(_flipped(x, flip), dy, dx)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        flip, dy, dx = ctx.saved_tensors
        return _flipped(_shifted(gradient, -dy, -dx), flip), None, None, None


def _flipped(x: Tensor, flip: Tensor) -> Tensor:
    return torch.where(flip[:, None, None, None], x.flip(3), x)


def _shifted(x: Tensor, dy: Tensor, dx: Tensor) -> Tensor:
    """out[i, :, r, c] = x[i, :, r + dy[i], c + dx[i]], zero outside."""
    n, c, h, w = x.shape
    rows = torch.arange(h, device=x.device) + dy[:, None]
    cols = torch.arange(w, device=x.device) + dx[:, None]
    inside = ((rows >= 0) & (rows < h))[:, :, None] & ((cols >= 0) & (cols < w))[:, None, :]
    flat = rows.clamp(0, h - 1)[:, :, None] * w + cols.clamp(0, w - 1)[:, None, :]
    moved = x.reshape(n, c, h * w).gather(2, flat.reshape(n, 1, h * w).expand(n, c, h * w)).reshape(n, c, h, w)
    return moved * inside[:, None]


def flip_and_crop(n: int, size: int, *, generator: torch.Generator) -> Transform:
    """Draw a horizontal flip and a crop after zero padding by an eighth of the size (4 px at 32) for each image.

    Args:
        n: The number of images.
        size: Their height and width in pixels.
        generator: The source of randomness, on the device of the images.
    """
    device, pad = generator.device, size // 8
    flip = torch.rand(n, generator=generator, device=device) < 0.5
    dy, dx = (torch.randint(-pad, pad + 1, (n,), generator=generator, device=device) for _ in range(2))
    return lambda x: _FlipAndShift.apply(x, flip, dy, dx)


def flip_and_resized_crop(n: int, size: int, *, generator: torch.Generator, min_area: float = 0.08) -> Transform:
    """Draw a horizontal flip and a crop for each image; the crop is scaled back to the full size.

    A crop has proportions of 3:4 to 4:3.

    Args:
        n: The number of images.
        size: Their height and width in pixels.
        generator: The source of randomness, on the device of the images.
        min_area: The smallest share of the area that a crop has, 0 to 1; the largest is 1.
    """
    device = generator.device

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator, device=device) * (high - low) + low

    area, ratio = uniform(min_area, 1), torch.exp(uniform(math.log(3 / 4), math.log(4 / 3)))
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    centre_x, centre_y = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    zero = torch.zeros_like(width)
    theta = torch.stack([mirror * width, zero, centre_x, zero, height, centre_y], dim=1).reshape(n, 2, 3)

    def crop(x: Tensor) -> Tensor:
        grid = F.affine_grid(theta.to(x.dtype), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    return crop


def random_greyscale(n: int, probability: float, *, generator: torch.Generator) -> Transform:
    """Draw for each image whether a weighted mean of its three channels replaces all three, and the weights.

    The weights are uniform on the simplex, so some draws come near to any weights that a greyscale conversion may use.
    Images of one channel stay as they are.

    Args:
        n: The number of images.
        probability: That an image turns greyscale, 0 to 1.
        generator: The source of randomness, on the device of the images.
    """
    device = generator.device
    selected = torch.rand(n, generator=generator, device=device) < probability
    exponential = -torch.log1p(-torch.rand(n, 3, generator=generator, device=device))
    weights = exponential / exponential.sum(1, keepdim=True)

    def to_greyscale(x: Tensor) -> Tensor:
        if x.shape[1] == 1:
            return x
        mean = (x * weights.to(x.dtype)[:, :, None, None]).sum(1, keepdim=True)
        return torch.where(selected[:, None, None, None], mean, x)

    return to_greyscale


def sample_transform(n: int, size: int, *, generator: torch.Generator, greyscale_probability: float = 0.0) -> Transform:
    """Draw one transformation from T for each image.

    Args:
        n: The number of images.
        size: Their height and width in pixels.
        generator: The source of randomness, on the device of the images.
        greyscale_probability: That an image turns greyscale as well, 0 to 1. T of the paper has no such step.
    """
    draw = flip_and_resized_crop if size >= RESIZED_CROP_MIN_SIZE else flip_and_crop
    geometric = draw(n, size, generator=generator)
    if not greyscale_probability:
        return geometric
    greyscale = random_greyscale(n, greyscale_probability, generator=generator)
    return lambda x: greyscale(geometric(x))


def identity(x: Tensor) -> Tensor:
    """Return the images as they are: the noise of Eq. (3) is found without T."""
    return x
