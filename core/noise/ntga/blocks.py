"""The blocks of images whose noise NTGA searches together, and the images that each block is validated on."""

import numpy as np
from numpy.typing import NDArray


def shuffled_blocks(indices: NDArray[np.int64], max_size: int, *, seed: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """Divide images into random blocks of nearly equal size, at least two where there are two images.

    Uploads are sorted by class, and a network learns nothing from a block of one class. With a single block there would
    be no other images to validate on.

    Args:
        indices: int64 (n,), the rows of the images.
        max_size: The largest size of a block.
        seed: The seed of the order.
    """
    count = max(-(-len(indices) // max_size), min(2, len(indices)))
    order = np.random.default_rng(seed).permutation(indices)
    return [np.sort(block) for block in np.array_split(order, count)] if count else []


def validation_indices(
    train_mask: NDArray[np.bool_], block: NDArray[np.int64], max_count: int, *, seed: tuple[int, ...]
) -> NDArray[np.int64]:
    """Choose the validation images of a block: training images outside it, or all of them where none is outside.

    Args:
        train_mask: bool (n,), the training images.
        block: int64 (m,), the images of the block.
        max_count: The largest number of validation images.
        seed: The seed of the choice.

    Returns:
        int64 (at most `max_count`,), sorted.
    """
    outside = train_mask.copy()
    outside[block] = False
    others = np.flatnonzero(outside if outside.any() else train_mask)
    return np.sort(np.random.default_rng(seed).permutation(others)[:max_count])
