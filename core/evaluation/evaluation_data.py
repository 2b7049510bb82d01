"""What evidence compares: the images as uploaded and as delivered, or why nothing can be measured."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.sample_size import too_few_images
from core.results.evidence import Evidence
from core.results.joined_classes import JoinedClasses
from core.specs.catalog import ARCHITECTURE_LABELS
from core.specs.configs import Preset

PixelLoader = Callable[[int], tuple[NDArray[np.uint8], NDArray[np.uint8]]]
"""Maps a size in pixels to the images as uploaded and as delivered, both uint8 (n, c, size, size)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationData:
    """The images to compare.

    Attributes:
        clean: Pixels as uploaded, uint8 (n, c, s, s).
        delivered: Pixels as delivered, of the same shape.
        labels: Class of each image, int (n,).
        test_mask: Which images are tested on, bool (n,); the others are trained on.
        classes: Number of classes.
        note: Why nothing can be measured; None if something can.
        joined: The other classes that an album joined. The album is class 0 then, and only it is tested on.
        load_photographs: Decodes the same images at other sizes, for learners that see them larger; None for small
            images, which every learner sees as they are here.
        decoding_seconds: How long it took to decode them, which counts among the time of the evidence.
    """

    clean: NDArray[np.uint8]
    delivered: NDArray[np.uint8]
    labels: NDArray[np.int64]
    test_mask: NDArray[np.bool_]
    classes: int
    note: str | None
    joined: JoinedClasses | None = None
    load_photographs: PixelLoader | None = None
    decoding_seconds: float = 0.0

    def chance(self, tested: NDArray[np.int64]) -> float:
        """The accuracy of a model that has learned nothing; of an album's, that of naming all classes equally often.

        Args:
            tested: Class of each test image, int (n,).
        """
        return chance_of(tested) if self.joined is None else 1 / self.classes


def unmeasurable(amount: str, labels: NDArray[np.int64], test_mask: NDArray[np.bool_], classes: int) -> str | None:
    """Why there can be no evidence; None if there can be some.

    Args:
        amount: The amount of evidence of the spec.
        labels: Class of each image, int (n,).
        test_mask: Which images are tested on, bool (n,).
        classes: Number of classes.
    """
    return "none was requested" if amount == "none" else too_few_images(labels, test_mask, classes)


def no_evidence(data: EvaluationData, preset: Preset, *, note: str | None) -> Evidence:
    """Evidence without rows.

    Args:
        data: The images that would be compared.
        preset: The architecture of the learners.
        note: Why there is no row.
    """
    tested = data.labels[data.test_mask]
    return Evidence(
        learner=ARCHITECTURE_LABELS[preset.architecture],
        image_size=data.clean.shape[-1],
        train_images=int((~data.test_mask).sum()),
        test_images=len(tested),
        chance=data.chance(tested),
        rows=(),
        note=note,
        joined=data.joined,
    )


def chance_of(labels: NDArray[np.int64]) -> float:
    """The accuracy of always naming the most frequent class.

    Args:
        labels: Class of each image, int (n,).
    """
    return float(np.bincount(labels, minlength=1).max() / max(1, len(labels)))
