"""The images that the evidence compares: small ones at the size of the noise, photographs at the size of a learner."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.archive.delivered_images import DeliveredImages
from core.archive.delivered_pixels import load_delivered_pixels
from core.errors import BadInput
from core.evaluation.evaluation_data import EvaluationData
from core.evaluation.subset import stratified_subset
from core.imaging.sandbox import DecoderSandbox
from core.ingest.pixels import load_pixels
from core.recipes.album_images import album_evaluation_data, album_sample, open_other_classes
from core.recipes.protection_data import ProtectionData
from core.runtime.awake_clock import awake_seconds
from core.runtime.progress import Progress
from core.specs.photographs import PHOTOGRAPH_SIZE
from core.specs.protect import PAPER
from core.specs.small_images import are_photographs

MAX_TRAIN_PHOTOGRAPHS = 4_000
MAX_TEST_PHOTOGRAPHS = 1_000
"""More photographs than these are sampled: decoding them at several sizes would take longer than the training."""


class EvidenceImages:
    """Decodes what a protection's evidence compares.

    Args:
        data: The protection.
        delivered: The images in the protected archive.
        read: Gives the bytes of a file in the archive, by its path.
        scratch: A folder for temporary files.
        sandbox: Decodes the images.
        progress: Is told that the work is alive, and may stop it.
    """

    def __init__(
        self,
        data: ProtectionData,
        delivered: DeliveredImages,
        read: Callable[[str], bytes],
        *,
        scratch: Path,
        sandbox: DecoderSandbox,
        progress: Progress,
    ) -> None:
        self._data, self._delivered, self._read = data, delivered, read
        self._scratch, self._sandbox, self._progress = scratch, sandbox, progress
        self._chosen = np.arange(len(data.dataset.images))

    def evaluation_data(self) -> EvaluationData:
        """The images at the size of the report, and for photographs a way to decode them at others."""
        began = awake_seconds()
        self._progress.start("evidence", 0)
        data = self._of_album() if self._data.reference is not None else self._of_classes()
        return replace(data, decoding_seconds=awake_seconds() - began)

    def _of_classes(self) -> EvaluationData:
        data = self._data
        if data.unmeasurable is not None or not uses_photographs(data):
            return data.evaluation_data(self._delivered.pixels)
        self._chosen = _sample(data.images.labels, data.test_mask, seed=data.setup.spec.seed)
        clean, delivered = self._load(PHOTOGRAPH_SIZE)
        return EvaluationData(
            clean=clean,
            delivered=delivered,
            labels=data.images.labels[self._chosen],
            test_mask=data.test_mask[self._chosen],
            classes=data.images.classes,
            note=None,
            load_photographs=self._load,
        )

    def _of_album(self) -> EvaluationData:
        """The album beside other classes; a note where these cannot be used."""
        data, reference = self._data, self._data.reference
        assert reference is not None, "the caller checks it"
        progress, sandbox = self._progress, self._sandbox
        try:
            others = open_other_classes(reference, data, scratch=self._scratch, progress=progress, sandbox=sandbox)
        except BadInput as error:
            note = f"the other classes that the album would join cannot be used: {error.reason}"
            return replace(data.evaluation_data(self._delivered.pixels), note=note.rstrip("."))
        self._chosen = album_sample(data, others, max_test=MAX_TEST_PHOTOGRAPHS)
        photographs = uses_photographs(data)

        def load(size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
            clean, delivered = self._load(size) if photographs else self._small()
            other = others.load(size, clean.shape[1], progress=progress, sandbox=sandbox)
            return np.concatenate([clean, other]), np.concatenate([delivered, other])

        return album_evaluation_data(
            load,
            data.test_mask[self._chosen],
            others,
            origin=reference.origin,
            size=PHOTOGRAPH_SIZE if photographs else data.work_size,
            photographs=photographs,
        )

    def _small(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The chosen images as the noise was made for them."""
        return self._data.images.pixels[self._chosen], self._delivered.pixels[self._chosen]

    def _load(self, size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        images: Sequence[int] = self._chosen.tolist()
        dataset = replace(self._data.dataset, images=tuple(self._data.dataset.images[i] for i in images))
        clean = load_pixels(dataset, size, progress=self._progress, sandbox=self._sandbox)
        delivered = load_delivered_pixels(
            self._read,
            [self._delivered.paths[i] for i in images],
            clean,
            scratch=self._scratch,
            sandbox=self._sandbox,
            progress=self._progress,
        )
        return clean, delivered


def uses_photographs(data: ProtectionData) -> bool:
    """Whether learners see the images larger than the noise was made; the preset `paper` measures as the paper does."""
    edges = [(image.width, image.height) for image in data.dataset.images]
    return data.setup.spec.preset != PAPER and are_photographs(edges)


def _sample(labels: NDArray[np.int64], test_mask: NDArray[np.bool_], *, seed: int) -> NDArray[np.int64]:
    """Indices of the training and the test images to use, in ascending order."""
    chosen = []
    for mask, most in ((~test_mask, MAX_TRAIN_PHOTOGRAPHS), (test_mask, MAX_TEST_PHOTOGRAPHS)):
        members = np.flatnonzero(mask)
        few = stratified_subset(labels[members], min(most, len(members)), seed=seed)
        chosen.append(members[few])
    return np.sort(np.concatenate(chosen))
