"""One random operation of random strength for each image, in the style of TrivialAugment (Müller & Hutter, ICCV 2021).

The twelve operations and their ranges are those of RandAugment, as in the code of UEraser: without "color" and without
the identity. Each operation runs once, on the images that drew it, with a strength for each of them.
"""

from functools import cache
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from core.countermeasures.plasma import uniform_per_image

MAX_ROTATION = 30 * torch.pi / 180  # radians
MAX_SHEAR = 0.3  # pixels per pixel
MAX_SHIFT = 0.5  # of the side
FACTOR_RANGE = (0.1, 1.9)  # of contrast, brightness and sharpness
BITS_RANGE = (4, 8)


def trivial_augment(x: Tensor, *, generator: torch.Generator) -> Tensor:
    """Change each image by one of OPERATIONS.

    Args:
        x: Images (n, c, h, w) in [0, 1].
        generator: The source of randomness, on the device of `x`.
    """
    drawn = torch.randint(len(OPERATIONS), (len(x),), generator=generator, device=x.device)
    out = x.clone()
    for i, operation in enumerate(OPERATIONS):
        rows = (drawn == i).nonzero()[:, 0]
        if len(rows):
            out[rows] = operation(x[rows], generator=generator)
    return out.clamp_(0, 1)


@cache
def _torchvision() -> ModuleType:
    """Torchvision's transforms, imported when they are first used: that takes seconds."""
    from torchvision.transforms.v2 import functional

    return functional


def _auto_contrast(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return _torchvision().autocontrast(x)


def _equalize(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return _torchvision().equalize(x)


def _posterize(x: Tensor, *, generator: torch.Generator) -> Tensor:
    bits = torch.randint(BITS_RANGE[0], BITS_RANGE[1] + 1, (len(x), 1, 1, 1), generator=generator, device=x.device)
    step = 2.0 ** (8 - bits)
    return (x * 255 / step).floor() * step / 255


def _solarize(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return torch.where(x >= uniform_per_image(len(x), 0, 1, generator=generator), 1 - x, x)


def _contrast(x: Tensor, *, generator: torch.Generator) -> Tensor:
    greyscale = _torchvision().rgb_to_grayscale(x) if x.shape[1] == 3 else x
    return torch.lerp(
        greyscale.mean((1, 2, 3), keepdim=True), x, uniform_per_image(len(x), *FACTOR_RANGE, generator=generator)
    )


def _brightness(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return x * uniform_per_image(len(x), *FACTOR_RANGE, generator=generator)


def _sharpness(x: Tensor, *, generator: torch.Generator) -> Tensor:
    """Blend with the smoothed image, or extrapolate away from it; the outermost pixels stay."""
    n, c, h, w = x.shape
    if min(h, w) < 3:
        return x
    kernel = torch.ones((1, 1, 3, 3), device=x.device)
    kernel[0, 0, 1, 1] = 5
    smooth = x.clone()
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(x.reshape(n * c, 1, h, w), kernel / 13).reshape(n, c, h - 2, w - 2)
    return torch.lerp(smooth, x, uniform_per_image(n, *FACTOR_RANGE, generator=generator))


def _affine(x: Tensor, matrix: Tensor) -> Tensor:
    """Resample images; `matrix` (n, 2, 3) maps places in the new image to places in the old one, in -1..1."""
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _identities(n: int, device: torch.device) -> Tensor:
    return torch.eye(2, 3, device=device).repeat(n, 1, 1)


def _rotate(x: Tensor, *, generator: torch.Generator) -> Tensor:
    angle = uniform_per_image(len(x), -MAX_ROTATION, MAX_ROTATION, generator=generator)[:, 0, 0, 0]
    h, w = x.shape[2:]
    matrix = _identities(len(x), x.device)
    matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
    matrix[:, 0, 1], matrix[:, 1, 0] = -angle.sin() * h / w, angle.sin() * w / h
    return _affine(x, matrix)


def _shear(x: Tensor, axis: int, generator: torch.Generator) -> Tensor:
    matrix = _identities(len(x), x.device)
    amount = uniform_per_image(len(x), -MAX_SHEAR, MAX_SHEAR, generator=generator)[:, 0, 0, 0]
    matrix[:, axis, 1 - axis] = amount * x.shape[2 + axis] / x.shape[3 - axis]
    return _affine(x, matrix)


def _shear_x(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return _shear(x, 0, generator)


def _shear_y(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return _shear(x, 1, generator)


def _shift(x: Tensor, axis: int, generator: torch.Generator) -> Tensor:
    matrix = _identities(len(x), x.device)
    matrix[:, axis, 2] = uniform_per_image(len(x), -2 * MAX_SHIFT, 2 * MAX_SHIFT, generator=generator)[:, 0, 0, 0]
    return _affine(x, matrix)


def _shift_x(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return _shift(x, 0, generator)


def _shift_y(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return _shift(x, 1, generator)


OPERATIONS = (
    _auto_contrast,
    _equalize,
    _posterize,
    _solarize,
    _contrast,
    _brightness,
    _sharpness,
    _rotate,
    _shear_x,
    _shear_y,
    _shift_x,
    _shift_y,
)
