"""The images of a written archive, as a learner reads them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredImages:
    """The images as a learner reads them from the archive, in the dataset's order.

    The changes are 0 for an image without noise, although a lossy format changes it a little.

    Attributes:
        pixels: uint8 (n, c, s, s), decoded from the encoded files, at the size of the noise.
        linf: float (n,), largest change of a colour value at full size, of 255.
        mae: float (n,), mean absolute change at full size, of 255.
        mse: float (n,), mean squared change at full size, of 255².
        beyond: float (n,), share of colour values that changed by more than the radius: none in a lossless format.
        faint: bool (n,), True where the target of visibility left next to no noise.
        missed: bool (n,), True where compression alone is more visible than the target; such an image has no noise.
        grown: bool (n,), True for a lossy file that is more than MAX_GROWTH times as large as the upload.
        paths: Path in the archive; None for an image that could not be written. Its pixels are then the upload's.
    """

    pixels: NDArray[np.uint8]
    linf: NDArray[np.float64]
    mae: NDArray[np.float64]
    mse: NDArray[np.float64]
    beyond: NDArray[np.float64]
    faint: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    grown: NDArray[np.bool_]
    paths: tuple[str | None, ...]
