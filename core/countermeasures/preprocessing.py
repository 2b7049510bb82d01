"""What is done to a set of pictures once, before training: its type, and how it goes through many pictures."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

VALUES = 2**22  # pixel values at once, so that intermediate results of any picture size fit into memory


class Preprocessing(Protocol):
    """Images uint8 (n, c, h, w) and their labels int64 (n,), on any device, to images uint8 (n, c, h, w)."""

    def __call__(self, pixels: Tensor, labels: Tensor, *, generator: torch.Generator) -> Tensor: ...


def image_by_image(operation: Callable[[Tensor], Tensor]) -> Preprocessing:
    """The treatment that needs neither labels nor chance: `operation` maps a batch of uint8 images to as many."""

    def treat(pixels: Tensor, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        return torch.cat([operation(part) for part in pixels.split(rows_at_once(pixels))])

    return treat


def rows_at_once(pixels: Tensor) -> int:
    """How many images make about VALUES values."""
    return max(1, VALUES // max(1, pixels[0].numel()))


def to_pixels(values: Tensor) -> Tensor:
    """Float pixel values in units of 255, rounded and held to 0..255, as uint8."""
    return values.round().clamp_(0, 255).to(torch.uint8)
