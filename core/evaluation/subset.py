"""A smaller set of images with the same shares of the classes."""

import numpy as np
from numpy.typing import NDArray


def stratified_subset(labels: NDArray[np.int64], count: int, *, seed: int) -> NDArray[np.int64]:
    """Indices of `count` images, every class with its share of them, in ascending order.

    Args:
        labels: Class of each image, int (n,).
        count: How many images.
        seed: Of the choice.

    Returns:
        int64 (count,).
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    ordered = labels[order]
    firsts = np.searchsorted(ordered, ordered, side="left")
    sizes = np.bincount(ordered)[ordered]
    place = (np.arange(len(order)) - firsts + 0.5) / sizes  # from 0 to 1 within each class
    return np.sort(order[np.argsort(place, kind="stable")[:count]])
