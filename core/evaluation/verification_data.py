"""The training sets and the test images of a verification."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.archive.manifest import Manifest
from core.errors import BadInput
from core.evaluation.partial_protection import PartialProtection, clean_rest, mixed, one_class, training_set
from core.evaluation.sample_size import MIN_TRAIN_IMAGES_PER_CLASS, too_few_images, too_few_images_of_class
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import ImageDataset, ImageRecord
from core.ingest.pixels import load_pixels
from core.ingest.split import select_test_mask
from core.runtime.progress import Progress
from core.specs.catalog import PRETRAINED_LABELS
from core.specs.photographs import PHOTOGRAPH_SIZE
from core.specs.presets import PRESETS
from core.specs.protect import PAPER
from core.specs.small_images import MAX_SMALL_EDGE, are_photographs
from core.specs.verify import VerifySpec
from core.specs.work_size import work_size
from core.training.labelled_images import LabelledArrays


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredCopies:
    """The images of an archive that belong to a dataset.

    Attributes:
        images: The delivered copy of each image of the dataset; None where the archive has none.
        unprotected: Paths in the dataset of images that were delivered without noise.
        seed: Of the protection, which chose the test images by it.
    """

    images: tuple[ImageRecord | None, ...]
    unprotected: Collection[str]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationData:
    """What the learners of a verification are trained and tested on.

    Attributes:
        clean: The training images as uploaded.
        delivered: The training images as delivered, uint8 (n, c, s, s); None for a dataset alone.
        test: Clean test images.
        missing: Images of the upload that the archive does not contain.
        protected_label: The one class that is protected and tested; None if all are.
        percentage: Share of the training images that are protected as delivered, in per cent: 100 only for all.
        photographs: Whether learners crop, mirror and colour the images as photographs.
    """

    clean: LabelledArrays
    delivered: NDArray[np.uint8] | None
    test: LabelledArrays
    missing: int
    protected_label: int | None
    percentage: int
    photographs: bool = False

    @property
    def chance(self) -> float:
        """The accuracy of a model that has learned nothing.

        Tested on all classes, it names the commonest of the test images; tested on one, it names all classes equally
        often.
        """
        if self.protected_label is not None:
            return 1 / self.clean.classes
        counts = np.bincount(self.test.labels, minlength=self.clean.classes)
        return float(counts.max() / counts.sum())

    def training_set(self, arm: str, percentage: int, *, seed: int) -> LabelledArrays | None:
        """The images that the learners of one arm are trained on.

        Args:
            arm: "before" (originals), "after" (protected and clean images) or "rest" (the clean ones of "after").
            percentage: Share of protected images.
            seed: Chooses the protected images.

        Returns:
            The images; None where there is no such arm, or where it has too few clean images.
        """
        if arm == "before":
            return self.clean
        protection = self._usable_protection(arm, percentage, seed=seed)
        if protection is None or self.delivered is None:
            return None
        return training_set(protection, self.clean, self.delivered)

    def has_training_set(self, arm: str, percentage: int, *, seed: int) -> bool:
        """Whether `training_set` returns images for the same arguments.

        Args:
            arm: As for `training_set`.
            percentage: As for `training_set`.
            seed: As for `training_set`.
        """
        return arm == "before" or self._usable_protection(arm, percentage, seed=seed) is not None

    def _usable_protection(self, arm: str, percentage: int, *, seed: int) -> PartialProtection | None:
        """The roles of the images; None where there is no such arm, or where it has too few clean images."""
        if self.delivered is None or (arm == "rest" and percentage == 100):
            return None
        protection = self._protection(arm, percentage, seed=seed)
        if protection is None or protection.train_mask.sum() < MIN_TRAIN_IMAGES_PER_CLASS * self.clean.classes:
            return None
        return protection

    def _protection(self, arm: str, percentage: int, *, seed: int) -> PartialProtection | None:
        if self.protected_label is not None:
            return one_class(self.clean.labels, self.protected_label)
        if arm == "after":
            return mixed(self.clean.labels, percentage, seed=seed)
        try:
            return clean_rest(self.clean.labels, percentage, seed=seed)
        except ValueError:
            return None


def match_delivered(dataset: ImageDataset, delivered: ImageDataset, manifest: Manifest) -> DeliveredCopies:
    """Find the delivered copy of each image.

    Args:
        dataset: The originals.
        delivered: The images of a protected archive.
        manifest: That of the archive, which says what became of each path.

    Raises:
        BadInput: No image of the archive belongs to the dataset.
    """
    by_path = {image.path: image for image in delivered.images}
    copies = tuple(by_path.get(manifest.delivered.get(image.path, "")) for image in dataset.images)
    if not any(copies):
        raise BadInput("No image of the archive was made from these originals. Check that they belong together.")
    return DeliveredCopies(images=copies, unprotected=manifest.unprotected, seed=manifest.spec.seed)


def load_verification_data(
    dataset: ImageDataset,
    copies: DeliveredCopies | None,
    spec: VerifySpec,
    *,
    progress: Progress,
    sandbox: DecoderSandbox,
) -> VerificationData:
    """Decode the originals and their copies at one size, and split them as the protection did.

    Args:
        dataset: The originals.
        copies: Their delivered copies; None for a dataset alone.
        spec: The scale, which limits the size, and the protected class.
        progress: Is told that decoding begins.
        sandbox: Decodes the images.

    Raises:
        BadInput: There are too few images.
        ValueError: The dataset does not have the protected class.
    """
    size, photographs = _image_size(dataset, spec)
    labels = np.array([image.label for image in dataset.images], dtype=np.int64)
    splits = [image.split for image in dataset.images]
    test_mask = select_test_mask(labels, splits, seed=0 if copies is None else copies.seed)
    present = np.ones(len(labels), bool) if copies is None else np.array([copy is not None for copy in copies.images])
    train_mask = ~test_mask & present
    label = None if spec.protected_class is None else dataset.classes.index(spec.protected_class)
    tested = test_mask if label is None else test_mask & (labels == label)
    used = test_mask | train_mask
    reason = too_few_images(labels[used], test_mask[used], len(dataset.classes))
    if reason is None and label is not None:
        trained = int((train_mask & (labels == label)).sum())
        reason = too_few_images_of_class(dataset.classes[label], tested=int(tested.sum()), trained=trained)
    if reason is not None:
        raise BadInput(f"There is nothing to verify with: {reason}.")
    progress.start("decoding", 0)
    pixels, delivered = load_pixels(dataset, size, progress=progress, sandbox=sandbox), None
    if copies is not None:
        chosen = tuple(
            copy for copy, train in zip(copies.images, train_mask, strict=True) if copy is not None and train
        )
        delivered = load_pixels(replace(dataset, images=chosen), size, progress=progress, sandbox=sandbox)
        pixels, delivered = _same_channels(pixels, delivered)
    images = LabelledArrays(pixels=pixels, labels=labels, classes=len(dataset.classes))
    unprotected = copies.unprotected if copies is not None else ()
    protected = np.array([image.path not in unprotected for image in dataset.images])
    return VerificationData(
        clean=images.select(train_mask),
        delivered=delivered,
        test=images.select(tested),
        missing=int((~present).sum()),
        protected_label=label,
        percentage=_percentage(protected[train_mask]),
        photographs=photographs,
    )


def _image_size(dataset: ImageDataset, spec: VerifySpec) -> tuple[int, bool]:
    """The side in pixels at which learners see the images, and whether they treat them as photographs."""
    edges = [(image.width, image.height) for image in dataset.images]
    size = work_size(edges, max_size=PRESETS[spec.scale].max_size)
    photographs = spec.scale != PAPER and are_photographs(edges)
    if photographs and not PRETRAINED_LABELS.keys().isdisjoint(spec.architectures):
        size = max(size, PHOTOGRAPH_SIZE)
    size = spec.image_size or size
    return size, photographs and size > MAX_SMALL_EDGE


def _percentage(protect_mask: NDArray[np.bool_]) -> int:
    """The share in per cent: 100 only for all, 0 only for none."""
    if protect_mask.all() or not protect_mask.any():
        return 100 * int(protect_mask.all())
    return min(99, max(1, round(100 * protect_mask.mean())))


def _same_channels(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both with the same number of channels: greyscale becomes three equal ones beside RGB."""
    channels = max(one.shape[1], other.shape[1])
    one, other = (np.broadcast_to(p, (len(p), channels, *p.shape[2:])) for p in (one, other))
    return one, other
