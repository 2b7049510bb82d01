"""The transformation distribution T (Fu et al. 2022, A.2): batched, differentiable, drawn per image, on the device."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Transform = Callable[[Tensor], Tensor]
LARGE = 96  # px; from here on random resized crops, as the paper takes for ImageNet


class _Shift(torch.autograd.Function):
    """Mirror some images and move each by whole pixels, zeros coming in; the gradient is moved and mirrored back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, flip: Tensor, dy: Tensor, dx: Tensor) -> Tensor:
        ctx.save_for_backward(flip, dy, dx)
        return _move(_mirror(x, flip), dy, dx)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        flip, dy, dx = ctx.saved_tensors
        return _mirror(_move(gradient, -dy, -dx), flip), None, None, None


def _mirror(x: Tensor, flip: Tensor) -> Tensor:
    return torch.where(flip[:, None, None, None], x.flip(3), x)


def _move(x: Tensor, dy: Tensor, dx: Tensor) -> Tensor:
    """out[i, :, r, c] = x[i, :, r + dy[i], c + dx[i]], zero outside."""
    n, c, h, w = x.shape
    rows = torch.arange(h, device=x.device) + dy[:, None]
    cols = torch.arange(w, device=x.device) + dx[:, None]
    inside = ((rows >= 0) & (rows < h))[:, :, None] & ((cols >= 0) & (cols < w))[:, None, :]
    flat = rows.clamp(0, h - 1)[:, :, None] * w + cols.clamp(0, w - 1)[:, None, :]
    moved = x.reshape(n, c, h * w).gather(2, flat.reshape(n, 1, h * w).expand(n, c, h * w)).reshape(n, c, h, w)
    return moved * inside[:, None]


def flip_and_crop(n: int, size: int, *, generator: torch.Generator) -> Transform:
    """For n images: a random mirror, and a random crop after padding an eighth of the size (4 px at 32) with zeros."""
    device, pad = generator.device, size // 8
    flip = torch.rand(n, generator=generator, device=device) < 0.5
    dy, dx = (torch.randint(-pad, pad + 1, (n,), generator=generator, device=device) for _ in range(2))
    return lambda x: _Shift.apply(x, flip, dy, dx)


def flip_and_resized_crop(n: int, size: int, *, generator: torch.Generator) -> Transform:
    """For n images: a random mirror, and a random crop of 8 to 100 % of the area, 3:4 to 4:3, at full size again."""
    device = generator.device

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator, device=device) * (high - low) + low

    area, ratio = uniform(0.08, 1), torch.exp(uniform(math.log(3 / 4), math.log(4 / 3)))
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    centre_x, centre_y = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    zero = torch.zeros_like(width)
    theta = torch.stack([mirror * width, zero, centre_x, zero, height, centre_y], dim=1).reshape(n, 2, 3)

    def crop(x: Tensor) -> Tensor:
        grid = F.affine_grid(theta.to(x.dtype), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    return crop


def random_grey(n: int, chance: float, *, generator: torch.Generator) -> Transform:
    """For n images: with this chance a mean of its three channels, weighted at random, takes the place of each of them.

    The weights are uniform on the simplex, so that whatever weights somebody turns pictures grey by are near to some
    that are drawn. Images of one channel stay as they are.
    """
    device = generator.device
    taken = torch.rand(n, generator=generator, device=device) < chance
    waits = -torch.log1p(-torch.rand(n, 3, generator=generator, device=device))  # exponential
    weights = waits / waits.sum(1, keepdim=True)

    def turn(x: Tensor) -> Tensor:
        if x.shape[1] == 1:
            return x
        grey = (x * weights.to(x.dtype)[:, :, None, None]).sum(1, keepdim=True)
        return torch.where(taken[:, None, None, None], grey, x)

    return turn


def sample_transform(n: int, size: int, *, generator: torch.Generator, grey: float = 0.0) -> Transform:
    """One draw of T for each of n images of `size` px: (n, c, size, size) -> the same shape.

    With a chance of `grey` it turns the image grey as well, which T of the paper does not.
    """
    draw = flip_and_resized_crop if size >= LARGE else flip_and_crop
    moved = draw(n, size, generator=generator)
    if not grey:
        return moved
    turned = random_grey(n, grey, generator=generator)
    return lambda x: turned(moved(x))


def identity(x: Tensor) -> Tensor:
    """No transformation at all: what the noise of Eq. (3) sees."""
    return x
