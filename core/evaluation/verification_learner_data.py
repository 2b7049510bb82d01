"""The images of a verification for its learners, which helpers can load from the checkpoints."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from core.evaluation.learner import ImageChoice
from core.evaluation.verification_data import VerificationData
from core.runtime.checkpoint_arrays import load_array, save_array
from core.runtime.checkpoints import CheckpointStore
from core.training.labelled_images import LabelledArrays

FACTS = ("missing", "protected_label", "percentage", "photographs")


class VerificationLearnerData:
    """The images of a verification (`core.evaluation.learner.LearnerData`).

    Args:
        data: Training sets and test images.
    """

    KIND = "verification-images"

    def __init__(self, data: VerificationData) -> None:
        self._data = data

    def training_images(self, choice: ImageChoice) -> LabelledArrays:
        """The images that a learner is trained on."""
        images = self._data.training_set(choice.arm, choice.percentage, seed=choice.seed)
        assert images is not None, "the runner has no learner for an arm without images"
        return images

    def test_images(self, choice: ImageChoice) -> LabelledArrays:
        """The clean images that it is tested on, the same for all."""
        return self._data.test

    def save(self, checkpoints: CheckpointStore, choices: Iterable[ImageChoice]) -> None:
        """Save all images: every choice is made of them."""
        data = self._data
        arrays: dict[str, NDArray[Any]] = {"train": data.clean.pixels, "train-labels": data.clean.labels}
        arrays |= {"test": data.test.pixels, "test-labels": data.test.labels}
        if data.delivered is not None:
            arrays["delivered"] = data.delivered
        for name, array in arrays.items():
            save_array(checkpoints, f"{self.KIND}-{name}", array)
        about = {"classes": data.clean.classes, "has_delivered": data.delivered is not None}
        about |= {name: getattr(data, name) for name in FACTS}
        checkpoints.save(f"{self.KIND}.json", json.dumps(about).encode())

    @classmethod
    def load(cls, checkpoints: CheckpointStore, about: Mapping[str, Any]) -> "VerificationLearnerData":
        """What `save` saved."""

        def images(name: str) -> LabelledArrays:
            return LabelledArrays(
                pixels=cast("NDArray[np.uint8]", load_array(checkpoints, f"{cls.KIND}-{name}")),
                labels=cast("NDArray[np.int64]", load_array(checkpoints, f"{cls.KIND}-{name}-labels")),
                classes=about["classes"],
            )

        delivered = None
        if about["has_delivered"]:
            delivered = cast("NDArray[np.uint8]", load_array(checkpoints, f"{cls.KIND}-delivered"))
        facts = {name: about[name] for name in FACTS}
        return cls(VerificationData(clean=images("train"), delivered=delivered, test=images("test"), **facts))
