"""Which images are kept for testing, and which are protected if not all are."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = Fraction(1, 5)  # of each class, if the upload has no test split
MIN_ALBUM_TEST = 50  # nothing is trained on an album, so testing on more of it costs its noise nothing


def select_test_mask(labels: NDArray[np.int64], splits: Sequence[str | None], *, seed: int) -> NDArray[np.bool_]:
    """Select the test images: the upload's own test split, or TEST_SHARE of each class.

    Args:
        labels: Class of each image, int (n,).
        splits: Split of each image, "train", "test" or None.
        seed: Chooses the images if the upload has no test split.

    Returns:
        bool (n,): True for a test image. The share is rounded down.
    """
    own = np.array([split == "test" for split in splits])
    return own if own.any() else sample_each_class(labels, TEST_SHARE, seed=seed)


def select_album_test_mask(images: int, *, seed: int) -> NDArray[np.bool_]:
    """Select the test images of an album: TEST_SHARE of it, or MIN_ALBUM_TEST images, but at most half of it.

    Args:
        images: Number of its images, n.
        seed: Chooses the images. Those that `select_test_mask` would select are among them.

    Returns:
        bool (n,): True for a test image.
    """
    tested = max(int(images * TEST_SHARE), min(MIN_ALBUM_TEST, images // 2))
    return sample_each_class(np.zeros(images, np.int64), Fraction(tested, max(1, images)), seed=seed)


def sample_each_class(labels: NDArray[np.int64], share: Fraction, *, seed: int) -> NDArray[np.bool_]:
    """Select a share of the images of each class at random.

    Args:
        labels: Class of each image, int (n,).
        share: From 0 to 1, exact; the number of images of each class is rounded down.
        seed: Chooses the images.

    Returns:
        bool (n,): True for a selected image.
    """
    rng, mask = np.random.default_rng(seed), np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        mask[rng.permutation(members)[: int(len(members) * share)]] = True
    return mask


def select_protect_mask(labels: NDArray[np.int64], percentage: int, *, seed: int) -> NDArray[np.bool_]:
    """Select the images to protect.

    Args:
        labels: Class of each image, int (n,).
        percentage: Share of each class, 1 to 100; the number of images is rounded up, so each class has at least one.
        seed: Chooses the images.

    Returns:
        bool (n,): True for an image to protect.
    """
    return ~sample_each_class(labels, Fraction(100 - percentage, 100), seed=seed)


def select_protect_mask_by_split(
    labels: NDArray[np.int64], test_mask: NDArray[np.bool_], percentage: int, *, seed: int
) -> NDArray[np.bool_]:
    """Select the images to protect, with the same share among the training images as in the whole class.

    The random stream differs from the one that selects the test images. With the same stream, the test images would be
    exactly the unprotected ones, and the evidence would measure a larger protected share than requested.

    Args:
        labels: Class of each image, int (n,).
        test_mask: True for a test image, bool (n,).
        percentage: Share of each class and of its training images, 1 to 100; both numbers are rounded up.
        seed: Chooses the images.

    Returns:
        bool (n,): True for an image to protect.
    """
    rng, mask = np.random.default_rng((seed, 1)), np.ones(len(labels), dtype=bool)
    for label in np.unique(labels):
        in_class = labels == label
        train, test = np.flatnonzero(in_class & ~test_mask), np.flatnonzero(in_class & test_mask)
        unprotected, unprotected_train = (count * (100 - percentage) // 100 for count in (in_class.sum(), len(train)))
        mask[rng.permutation(train)[:unprotected_train]] = False
        mask[rng.permutation(test)[: unprotected - unprotected_train]] = False
    return mask
