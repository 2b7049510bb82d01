"""A dataset that is ready to be protected: its pixels, its masks, and the settings of its noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.evaluation_data import EvaluationData
from core.ingest.dataset import ImageDataset
from core.noise.generator_file import TrainedGenerator
from core.noise.setup import NoiseSetup
from core.recipes.options import ReferenceSource
from core.training.labelled_images import LabelledArrays


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionData:
    """The input of a protection, after decoding.

    Attributes:
        dataset: The uploaded images and their files.
        images: The same images at the work size.
        test_mask: bool (n,), the images that learners are tested on. All False where nothing can be measured.
        protect_mask: bool (n,), the images that get noise.
        setup: The method of the noise, its radii and its numbers.
        generator: The trained generator that makes the noise; None to train a surrogate on the dataset.
        start: The shipped generator whose noise network is trained on the dataset; None where a surrogate is, and where
            nothing is trained.
        photographs: Whether the images are photographs (`core.specs.small_images`).
        unmeasurable: Why there can be no evidence, or None.
        reference: The other classes that the album joins in its evidence; None for a dataset of several classes.
    """

    dataset: ImageDataset
    images: LabelledArrays
    test_mask: NDArray[np.bool_]
    protect_mask: NDArray[np.bool_]
    setup: NoiseSetup
    generator: TrainedGenerator | None
    start: TrainedGenerator | None
    photographs: bool
    unmeasurable: str | None
    reference: ReferenceSource | None = None

    @property
    def max_flip(self) -> float | None:
        """How visible the noise of each image may be, as FLIP; None where it is not scaled."""
        return self.setup.spec.max_flip if self.photographs else None

    @property
    def train_mask(self) -> NDArray[np.bool_]:
        """bool (n,), the images that surrogates and learners are trained on."""
        return ~self.test_mask

    @property
    def work_size(self) -> int:
        """The side of the images at which the noise is made, in pixels."""
        return int(self.images.pixels.shape[-1])

    @property
    def channels(self) -> int:
        """1 for greyscale images, else 3."""
        return int(self.images.pixels.shape[1])

    def evaluation_data(self, delivered: NDArray[np.uint8]) -> EvaluationData:
        """What the evidence compares; `delivered` is uint8 (n, c, s, s)."""
        classes = len(self.dataset.named_classes)
        named: NDArray[np.bool_] | slice = self.images.labels < classes  # the others have no label to learn
        named = slice(None) if classes == self.images.classes else named
        return EvaluationData(
            clean=self.images.pixels[named],
            delivered=delivered[named],
            labels=self.images.labels[named],
            test_mask=self.test_mask[named],
            classes=classes,
            note=self.unmeasurable,
        )
