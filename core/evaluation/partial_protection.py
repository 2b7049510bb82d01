"""Partial protection (Fu et al. 2022, section 5.2, Tables 2 and 8): which images are protected, which are trained on.

Tables 2 and 8 compare two learners at each percentage: "mixed" trains on protected and clean images together, "clean"
on the clean images alone. If "mixed" is more accurate, it has learned from the protected images.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.ingest.split import select_protect_mask
from core.training.labelled_images import LabelledArrays


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialProtection:
    """The roles of n training images.

    Attributes:
        protect_mask: Which are protected, bool (n,).
        train_mask: Which the learner is trained on, bool (n,).
    """

    protect_mask: NDArray[np.bool_]
    train_mask: NDArray[np.bool_]


def mixed(labels: NDArray[np.int64], percentage: int, *, seed: int) -> PartialProtection:
    """Protect a share of each class, and train on all images.

    Args:
        labels: Class of each image, int (n,).
        percentage: Share of each class, rounded up to whole images.
        seed: Chooses the images.
    """
    protect_mask = select_protect_mask(labels, percentage, seed=seed)
    return PartialProtection(protect_mask=protect_mask, train_mask=np.ones_like(protect_mask))


def clean_rest(labels: NDArray[np.int64], percentage: int, *, seed: int) -> PartialProtection:
    """Train on the clean images of `mixed` alone.

    Args:
        labels: Class of each image, int (n,).
        percentage: Share of protected images of each class, in per cent.
        seed: Chooses the protected images.

    Raises:
        ValueError: No clean image is left.
    """
    protect_mask = select_protect_mask(labels, percentage, seed=seed)
    if protect_mask.all():
        raise ValueError(f"no clean image is left when {percentage} % are protected")
    return PartialProtection(protect_mask=protect_mask, train_mask=~protect_mask)


def one_class(labels: NDArray[np.int64], label: int) -> PartialProtection:
    """Protect one class, and train on all images, as when a protected album becomes part of a scraped dataset.

    What the learner knows of the class shows in its accuracy on clean test images of that class.

    Args:
        labels: Class of each image, int (n,).
        label: The class to protect.

    Raises:
        ValueError: No image has the label.
    """
    protect_mask = labels == label
    if not protect_mask.any():
        raise ValueError(f"no image has the label {label}")
    return PartialProtection(protect_mask=protect_mask, train_mask=np.ones_like(protect_mask))


def training_set(protection: PartialProtection, clean: LabelledArrays, delivered: NDArray[np.uint8]) -> LabelledArrays:
    """The images that the learner is trained on.

    Args:
        protection: The roles of the images.
        clean: n images without noise.
        delivered: The same images with noise, uint8 (n, c, h, w).
    """
    pixels = np.where(protection.protect_mask[:, None, None, None], delivered, clean.pixels)
    return LabelledArrays(pixels=pixels, labels=clean.labels, classes=clean.classes).select(protection.train_mask)
