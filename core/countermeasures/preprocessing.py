"""Preprocessing of a whole training set, once before training: its signature, and how it works through many images."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

MAX_CHUNK_VALUES = 2**22  # pixel values in a chunk, so that intermediate results fit into memory at every image size


class Preprocessing(Protocol):
    """Changes a training set once, before training."""

    def __call__(self, pixels: Tensor, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return the changed images, uint8 in the shape of `pixels`, and leave the arguments as they are.

        Args:
            pixels: Images uint8 (n, c, h, w), c = 1 or 3, on any device.
            labels: int64 (n,), on the same device.
            generator: The source of randomness, on the same device.
        """
        ...


def no_preprocessing(pixels: Tensor, labels: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return the images as they are; see `Preprocessing`."""
    return pixels


def per_image(operation: Callable[[Tensor], Tensor]) -> Preprocessing:
    """Make a preprocessing from an operation that needs neither labels nor randomness.

    Args:
        operation: Maps images uint8 (n, c, h, w) to images of the same shape and type, each on its own.
    """

    def preprocess(pixels: Tensor, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        return torch.cat([operation(chunk) for chunk in pixels.split(images_per_chunk(pixels))])

    return preprocess


def images_per_chunk(pixels: Tensor) -> int:
    """The number of images of `pixels` (n, c, h, w) that have MAX_CHUNK_VALUES values together, at least 1."""
    return max(1, MAX_CHUNK_VALUES // max(1, pixels[0].numel()))


def to_uint8(values: Tensor) -> Tensor:
    """Round float pixel values in units of 255 and clip them to 0..255."""
    return values.round().clamp_(0, 255).to(torch.uint8)
