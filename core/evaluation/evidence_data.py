"""The images of evidence for its learners: at the size of each, those as uploaded or those as delivered."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from core.evaluation.evaluation_data import EvaluationData
from core.evaluation.learner import ImageChoice
from core.evaluation.subset import stratified_subset
from core.runtime.checkpoint_arrays import load_array, save_array
from core.runtime.checkpoints import CheckpointStore
from core.training.labelled_images import LabelledArrays

ARMS = ("before", "after")
Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class EvidenceData:
    """The images that `EvaluationData` compares, at every size (`core.evaluation.learner.LearnerData`).

    Args:
        data: The images.
    """

    KIND = "evidence-images"

    def __init__(self, data: EvaluationData) -> None:
        self._data = data
        self._pixels = {data.clean.shape[-1]: (data.clean, data.delivered)}
        self.train, self.test = np.flatnonzero(~data.test_mask), np.flatnonzero(data.test_mask)

    def training_images(self, choice: ImageChoice) -> LabelledArrays:
        """The images that a learner is trained on."""
        return self._images(choice, choice.arm).select(self._some(self.train, choice.train_images, choice.seed))

    def test_images(self, choice: ImageChoice) -> LabelledArrays:
        """The clean images that it is tested on."""
        return self._images(choice, "before").select(self._some(self.test, choice.test_images, choice.seed))

    def save(self, checkpoints: CheckpointStore, choices: Iterable[ImageChoice]) -> None:
        """Save the images at the sizes of some choices."""
        for size in {self._size(choice) for choice in choices}:
            for arm, pixels in zip(ARMS, self._pixels_at(size), strict=True):
                save_array(checkpoints, _name(size, arm), pixels)
        save_array(checkpoints, f"{self.KIND}-labels", self._data.labels)
        save_array(checkpoints, f"{self.KIND}-tested", self._data.test_mask)
        about = {"size": self._data.clean.shape[-1], "classes": self._data.classes}
        checkpoints.save(f"{self.KIND}.json", json.dumps(about).encode())

    @classmethod
    def load(cls, checkpoints: CheckpointStore, about: Mapping[str, Any]) -> "EvidenceData":
        """What `save` saved. Images are loaded when they are needed."""

        def pixels(size: int) -> Pair:
            before, after = (load_array(checkpoints, _name(size, arm)) for arm in ARMS)
            return cast("Pair", (before, after))

        # only the shape of these two is read: a helper may need other sizes alone
        nothing = np.empty((0, 0, about["size"], about["size"]), np.uint8)
        data = cls(
            EvaluationData(
                clean=nothing,
                delivered=nothing,
                labels=cast("NDArray[np.int64]", load_array(checkpoints, f"{cls.KIND}-labels")),
                test_mask=cast("NDArray[np.bool_]", load_array(checkpoints, f"{cls.KIND}-tested")),
                classes=about["classes"],
                note=None,
                load_photographs=pixels,
            )
        )
        data._pixels.clear()
        return data

    def _images(self, choice: ImageChoice, arm: str) -> LabelledArrays:
        pixels = dict(zip(ARMS, self._pixels_at(self._size(choice)), strict=True))[arm]
        return LabelledArrays(pixels=pixels, labels=self._data.labels, classes=self._data.classes)

    def _pixels_at(self, size: int) -> Pair:
        if size not in self._pixels:
            assert self._data.load_photographs is not None, "small images have one size"
            self._pixels[size] = self._data.load_photographs(size)
        return self._pixels[size]

    def _size(self, choice: ImageChoice) -> int:
        return choice.size or self._data.clean.shape[-1]

    def _some(self, indices: NDArray[np.int64], count: int | None, seed: int) -> NDArray[np.int64]:
        if count is None or count >= len(indices):
            return indices
        return indices[stratified_subset(self._data.labels[indices], count, seed=seed)]


def _name(size: int, arm: str) -> str:
    return f"{EvidenceData.KIND}-{size}-{arm}"
