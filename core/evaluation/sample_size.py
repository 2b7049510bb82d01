"""How many images an evaluation needs, and the reason why a dataset has too few."""

import numpy as np
from numpy.typing import NDArray

from core.specs.protected_class import MIN_ALBUM_IMAGES

MIN_TEST_IMAGES = 50
MIN_TRAIN_IMAGES_PER_CLASS = 5


def too_few_images(labels: NDArray[np.int64], test_mask: NDArray[np.bool_], classes: int) -> str | None:
    """Why a dataset is too small to be evaluated.

    Args:
        labels: Class of each image, int (n,).
        test_mask: Which images are tested on, bool (n,); the others are trained on.
        classes: Number of classes.

    Returns:
        The reason in lower case without a full stop, or None if there are enough images.
    """
    if classes < 2:
        return "all images are of one class, and there is no other class from which a model could tell it"
    tested, trained = int(test_mask.sum()), int((~test_mask).sum())
    if tested < MIN_TEST_IMAGES:
        return f"too few images: {tested} could be held out for testing, and at least {MIN_TEST_IMAGES} are needed"
    if trained < MIN_TRAIN_IMAGES_PER_CLASS * classes:
        return (
            f"too few images: {trained} to learn {classes} classes from, and at least {MIN_TRAIN_IMAGES_PER_CLASS} "
            "a class are needed"
        )
    if len(np.unique(labels[test_mask])) < 2:
        return "the test images are all of one class"
    return None


def too_few_images_of_album(images: int) -> str | None:
    """Why an album is too small to be evaluated as one class among others.

    Args:
        images: Its images.

    Returns:
        The reason in lower case without a full stop, or None if there are enough images.
    """
    if images >= MIN_ALBUM_IMAGES:
        return None
    return f"the album has {images} image{'' if images == 1 else 's'}, and {MIN_ALBUM_IMAGES} are needed to test models"


def too_few_images_of_class(name: str, *, tested: int, trained: int) -> str | None:
    """Why one class is too small to be evaluated alone.

    Args:
        name: The class.
        tested: Its test images.
        trained: Its training images.

    Returns:
        The reason in lower case without a full stop, or None if there are enough images.
    """
    if tested < MIN_TEST_IMAGES:
        reason = f"{tested} could be held out for testing, and at least {MIN_TEST_IMAGES} are needed"
    elif trained < MIN_TRAIN_IMAGES_PER_CLASS:
        reason = f"{trained} to learn it from, and at least {MIN_TRAIN_IMAGES_PER_CLASS} are needed"
    else:
        return None
    return f"too few images of “{name}”: {reason}"
