"""What the learners of a verification get on each side, and what they are tested on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.archive.manifest import Manifest
from core.errors import BadInput
from core.evaluation.evidence import LEAST_TEST_IMAGES, LEAST_TRAIN_IMAGES_A_CLASS, too_few
from core.evaluation.partial_protection import Share, clean_rest, mixed, one_class, scraped
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import ImageDataset, ImageRecord
from core.ingest.pixels import load_pixels
from core.ingest.split import select_test_mask
from core.runtime.progress import Progress
from core.specs.presets import PRESETS
from core.specs.verify import VerifySpec
from core.specs.work_size import work_size
from core.training.labelled_images import LabelledArrays


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationData:
    """The training pictures as uploaded and as delivered, uint8 (n, c, s, s), with labels (n,); and the test pictures.

    `delivered` is None for a dataset alone. `missing`: pictures of the upload that the archive does not have.
    `only` is the label of the one class that is protected and tested, None where all are. `percentage` of the training
    pictures are protected as delivered: 100 where all are, else rounded to 1 to 99.
    """

    clean: NDArray[np.uint8]
    delivered: NDArray[np.uint8] | None
    labels: NDArray[np.int64]
    test: LabelledArrays
    classes: int
    missing: int
    only: int | None
    percentage: int

    @property
    def chance(self) -> float:
        """What a model reaches that has learned nothing.

        Of all classes: by always naming the commonest of the test pictures. Of one: by naming each class equally often.
        """
        if self.only is not None:
            return 1 / self.classes
        counts = np.bincount(self.test.labels, minlength=self.classes)
        return float(counts.max() / counts.sum())

    def shown(self, side: str, percentage: int, *, seed: int) -> LabelledArrays | None:
        """What the learners of a side get. None where there is no such side, or too few clean pictures are left."""
        if side == "before":
            return LabelledArrays(pixels=self.clean, labels=self.labels, classes=self.classes)
        if self.delivered is None or (side == "rest" and percentage == 100):
            return None
        chosen = self._share(side, percentage, seed=seed)
        if chosen is None or chosen.learned.sum() < LEAST_TRAIN_IMAGES_A_CLASS * self.classes:
            return None
        pixels, labels = scraped(chosen, self.clean, self.delivered, self.labels)
        return LabelledArrays(pixels=pixels, labels=labels, classes=self.classes)

    def _share(self, side: str, percentage: int, *, seed: int) -> Share | None:
        if self.only is not None:
            return one_class(self.labels, self.only)
        share: Callable[..., Share] = mixed if side == "after" else clean_rest
        try:
            return share(self.labels, percentage, seed=seed)
        except ValueError:
            return None


def copies_of(dataset: ImageDataset, delivered: ImageDataset, manifest: Manifest) -> list[ImageRecord | None]:
    """The delivered picture of each of the dataset's. Raises BadInput where none has one."""
    there = {picture.path: picture for picture in delivered.images}
    found = [there.get(manifest.delivered.get(picture.path, "")) for picture in dataset.images]
    if not any(found):
        raise BadInput("Not one picture of the archive was made of these originals: are they the right ones?")
    return found


def sides_of(
    dataset: ImageDataset,
    copies: list[ImageRecord | None] | None,
    spec: VerifySpec,
    manifest: Manifest | None,
    *,
    progress: Progress,
    sandbox: DecoderSandbox,
) -> VerificationData:
    """Decode the originals and their copies at one size, and draw the test images as the protection drew them.

    Args:
        dataset: The originals.
        copies: The protected copy of each original, None where it has none; None for a dataset alone.
        spec: The scale, and the protected class if only that one is tested.
        manifest: What the archive says of itself: its seed, and which images have no noise.
        progress: Counts the decoded files.
        sandbox: Decodes them.

    Raises:
        BadInput: There are too few images to measure anything.
        ValueError: The dataset does not have the protected class.
    """
    seed = 0 if manifest is None else manifest.spec.seed
    unprotected = () if manifest is None else manifest.unprotected
    size = work_size([(p.width, p.height) for p in dataset.images], max_size=PRESETS[spec.scale].max_size)
    labels = np.array([picture.label for picture in dataset.images], dtype=np.int64)
    apart = select_test_mask(labels, [picture.split for picture in dataset.images], seed=seed)
    there = np.array([copy is not None for copy in copies]) if copies is not None else np.ones(len(labels), bool)
    learned = ~apart & there
    if why_not := too_few(labels[apart | learned], apart[apart | learned], len(dataset.classes)):
        raise BadInput(f"There is nothing to verify with: {why_not}.")
    only = None if spec.protected_class is None else dataset.classes.index(spec.protected_class)
    tested = apart if only is None else apart & (labels == only)
    if only is not None and (why_not := _too_few_of_class(int(tested.sum()), int((learned & (labels == only)).sum()))):
        raise BadInput(f"There is nothing to verify with: too few pictures of “{dataset.classes[only]}”: {why_not}.")
    progress.start("decoding", 0)
    pixels = load_pixels(dataset, size, progress=progress, sandbox=sandbox)
    delivered = None
    if copies is not None:
        wanted = [copy for copy, own in zip(copies, learned, strict=True) if copy is not None and own]
        read = replace(dataset, images=tuple(wanted))
        pixels, delivered = _alike(pixels, load_pixels(read, size, progress=progress, sandbox=sandbox))
    return VerificationData(
        clean=pixels[learned],
        delivered=delivered,
        labels=labels[learned],
        test=LabelledArrays(pixels=pixels[tested], labels=labels[tested], classes=len(dataset.classes)),
        classes=len(dataset.classes),
        missing=int((~there).sum()),
        only=only,
        percentage=_percentage(np.array([picture.path not in unprotected for picture in dataset.images])[learned]),
    )


def _percentage(protected: NDArray[np.bool_]) -> int:
    """The share of a bool (n,) that is True, in per cent: 100 for all of it alone, 0 for none."""
    if protected.all() or not protected.any():
        return 100 * int(protected.all())
    return min(99, max(1, round(100 * protected.mean())))


def _too_few_of_class(tested: int, trained: int) -> str | None:
    """Why so many pictures of the one class are too few to say anything of it, by the rule for all; or None."""
    if tested < LEAST_TEST_IMAGES:
        return f"{tested} could be held out for testing, and at least {LEAST_TEST_IMAGES} are needed"
    if trained < LEAST_TRAIN_IMAGES_A_CLASS:
        return f"{trained} to learn it from, and at least {LEAST_TRAIN_IMAGES_A_CLASS} are needed"
    return None


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both with the same channels: grey as three equal ones beside colour."""
    channels = max(one.shape[1], other.shape[1])
    one, other = (np.broadcast_to(p, (len(p), channels, *p.shape[2:])) for p in (one, other))
    return one, other
