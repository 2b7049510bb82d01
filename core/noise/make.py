"""Noise for images: train a surrogate on them, then search for the noise of each image with it."""

import numpy as np
from numpy.typing import NDArray

from core.noise.final_search import search_noise
from core.noise.ntga.attack import NAME as NTGA
from core.noise.ntga.attack import ntga_noise
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.runtime.context import RunContext
from core.training.labelled_images import LabelledArrays


def generate_noise(
    images: LabelledArrays,
    setup: NoiseSetup,
    run: RunContext,
    *,
    protect_mask: NDArray[np.bool_],
    train_mask: NDArray[np.bool_],
) -> NDArray[np.int8]:
    """Make noise for some images with a surrogate that is trained on some of them.

    Args:
        images: All images of the dataset at the work size.
        setup: The method, its radii and its numbers.
        run: The checkpoints hold the surrogate and each finished shard of noise.
        protect_mask: bool (n,), the images that get noise.
        train_mask: bool (n,), the images that the surrogate learns from; the test images are left out.

    Returns:
        int8 (n, c, s, s) in pixel units of 255, |noise| <= radius_u; zero where `protect_mask` is False.
    """
    if setup.method == NTGA:  # needs no surrogate
        return ntga_noise(images, setup, run, protect_mask=protect_mask, train_mask=train_mask)
    surrogate = train_surrogate(images.select(train_mask), setup, run)
    return search_noise(surrogate, images, setup, run, protect_mask=protect_mask)
