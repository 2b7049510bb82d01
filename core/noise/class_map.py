"""The output of a trained generator for each class of another dataset."""

import numpy as np
from numpy.typing import NDArray


def class_map(classes: int, *, outputs: int) -> NDArray[np.int64]:
    """Map class k to output k modulo the number of outputs.

    Args:
        classes: The number of classes of the dataset.
        outputs: The number of outputs of the generator.

    Returns:
        int64 (classes,); one to one unless there are more classes than outputs.
    """
    return np.arange(classes, dtype=np.int64) % outputs
