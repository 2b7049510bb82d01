"""Labelled images: as arrays in main memory, and as tensors on the device that computes."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.runtime.device import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTensors:
    """Images and their labels on a device.

    Attributes:
        pixels: uint8 (n, c, s, s).
        labels: int64 (n,).
    """

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledArrays:
    """Images and their labels in main memory.

    Attributes:
        pixels: uint8 (n, c, s, s).
        labels: int64 (n,), each below `classes`.
        classes: The number of classes of the whole dataset; some may have no image here.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: int

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "LabelledArrays":
        """Select images.

        Args:
            index: A mask (n,) or indices (m,).
        """
        return LabelledArrays(pixels=self.pixels[index], labels=self.labels[index], classes=self.classes)

    def on(self, device: Device) -> LabelledTensors:
        """Copy the images to a device; on the CPU the result shares their memory."""
        return LabelledTensors(
            pixels=torch.from_numpy(np.ascontiguousarray(self.pixels)).to(device.name),
            labels=torch.from_numpy(self.labels).to(device.name),
        )
