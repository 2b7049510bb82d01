"""What noise each image of an archive gets: an array that was made before, or the texture of its class."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.imaging.texture_codebook import TextureCodebook


class NoiseSource(Protocol):
    """The noise of all images of a dataset.

    Attributes:
        count: Number of the images.
        channels: Of the noise, as of the dataset: 1 or 3.
        size: Side in pixels at which delivered images are read back.
    """

    @property
    def count(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def size(self) -> int: ...

    def blob(self, number: int) -> bytes:
        """The first argument of the operation `encode_with_noise` besides the file.

        Args:
            number: The image's place in the dataset.
        """
        ...

    def args(self, number: int) -> Mapping[str, Any]:
        """Further arguments of the operation.

        Args:
            number: The image's place in the dataset.
        """
        ...


@dataclass(frozen=True, slots=True)
class NoiseArrays:
    """Noise that was made at the work size.

    Attributes:
        noise: int8 (n, c, s, s).
    """

    noise: NDArray[np.int8]

    def __post_init__(self) -> None:
        """Raise ValueError for another type or shape."""
        if self.noise.dtype != np.int8 or self.noise.ndim != 4 or self.noise.shape[2] != self.noise.shape[3]:
            raise ValueError(f"noise must be int8 (n, c, s, s), not {self.noise.dtype} {self.noise.shape}")

    @property
    def count(self) -> int:
        """Number of the images."""
        return len(self.noise)

    @property
    def channels(self) -> int:
        """1 or 3."""
        return int(self.noise.shape[1])

    @property
    def size(self) -> int:
        """Side of the noise in pixels."""
        return int(self.noise.shape[-1])

    def blob(self, number: int) -> bytes:
        """The noise of one image."""
        return self.noise[number].tobytes()

    def args(self, number: int) -> Mapping[str, Any]:
        """None."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTextures:
    """Noise that is made at each image's own size, as the texture of its class.

    The key stays in this process: the sandbox, which decodes untrusted files, gets what one image needs.

    Attributes:
        labels: Class of each image, int (n,).
        codebook: The code of each class, and the seed of each image.
        channels: Of the images, 1 or 3.
        size: Side in pixels at which delivered images are read back.
    """

    labels: NDArray[np.int64]
    codebook: TextureCodebook = field(repr=False)
    channels: int
    size: int

    @property
    def count(self) -> int:
        """Number of the images."""
        return len(self.labels)

    def blob(self, number: int) -> bytes:
        """Nothing."""
        return b""

    def args(self, number: int) -> Mapping[str, Any]:
        """The code of the image's class, and the seed of its phases."""
        code = self.codebook.codes[int(self.labels[number])]
        cells = [[cell.frequency, cell.angle] for cell in code]
        return {"texture": {"cells": cells, "seed": self.codebook.image_seed(number)}}
