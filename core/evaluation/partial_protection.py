"""Partial protection (Fu et al. 2022, section 5.2, Tables 2 and 8): which images are protected, and which are learned.

Tables 2 and 8 compare two learners at each percentage. "Mixed" learns from protected and clean images together,
"clean" from the clean ones alone; what the first knows more than the second, the protected images taught it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.ingest.split import select_protect_mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Of n training images, bool (n,) each: which are `protected`, and which the learner gets (`learned`)."""

    protected: NDArray[np.bool_]
    learned: NDArray[np.bool_]


def mixed(labels: NDArray[np.int64], percentage: int, *, seed: int) -> Share:
    """`percentage` of each class protected, rounded up, the rest clean; the learner gets them all."""
    protected = select_protect_mask(labels, percentage, seed=seed)
    return Share(protected=protected, learned=np.ones_like(protected))


def clean_rest(labels: NDArray[np.int64], percentage: int, *, seed: int) -> Share:
    """The clean images of `mixed` with the same seed, alone. Raises ValueError where none is left."""
    protected = select_protect_mask(labels, percentage, seed=seed)
    if protected.all():
        raise ValueError(f"no clean image is left when {percentage} % are protected")
    return Share(protected=protected, learned=~protected)


def one_class(labels: NDArray[np.int64], label: int) -> Share:
    """All of one class protected among clean ones: an album that joins a scraped set. The learner gets them all.

    What it learned of the class shows in its accuracy on clean test images of `label`. Raises ValueError for a label
    that no image has.
    """
    protected = labels == label
    if not protected.any():
        raise ValueError(f"no image has the label {label}")
    return Share(protected=protected, learned=np.ones_like(protected))


def scraped(
    share: Share, clean: NDArray[np.uint8], delivered: NDArray[np.uint8], labels: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """What the learner gets: images uint8 (m, c, h, w), `delivered` where protected, else `clean`; labels (m,)."""
    pixels = np.where(share.protected[:, None, None, None], delivered, clean)
    return pixels[share.learned], labels[share.learned]
