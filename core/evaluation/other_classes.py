"""The other classes that an album joins: images of other things, from which models learn to tell the album."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput
from core.evaluation.sample_size import MIN_TRAIN_IMAGES_PER_CLASS
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import ImageDataset
from core.ingest.pixels import load_pixels
from core.runtime.progress import Progress
from core.specs.small_images import are_photographs

MAX_CLASSES = 9
"""With the album ten classes: enough to make a guess rarely right, and few enough to train on in minutes."""
MAX_IMAGES_PER_CLASS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherClasses:
    """Images of other classes.

    Attributes:
        dataset: The images. Their labels are 0 to classes - 1.
        largest: Images of the largest class.
    """

    dataset: ImageDataset
    largest: int

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each image, int64 (n,)."""
        return np.array([image.label for image in self.dataset.images], dtype=np.int64)

    def load(self, size: int, channels: int, *, progress: Progress, sandbox: DecoderSandbox) -> NDArray[np.uint8]:
        """Decode the images.

        Args:
            size: Width and height in pixels.
            channels: Those of the album: 1 or 3.
            progress: Is told that the work is alive, and may stop it.
            sandbox: Decodes the images.

        Returns:
            uint8 (n, channels, size, size).
        """
        return load_pixels(self.dataset, size, channels=channels, progress=progress, sandbox=sandbox)


def choose_other_classes(dataset: ImageDataset, album: ImageDataset, *, most: int, seed: int) -> OtherClasses:
    """Choose the classes with the most images, and as many images of each as of the album, at random.

    Images that are in the album too are left out, and so are those without a label.

    Args:
        dataset: The images to choose from.
        album: The album.
        most: Images of a class, at most; that of the album's training images.
        seed: Chooses the images.

    Raises:
        BadInput: No class has enough images, or they are photographs and the album is not, or the other way round.
    """
    if _are_photographs(dataset) != _are_photographs(album):
        kinds = ("photographs", "small images") if _are_photographs(album) else ("small images", "photographs")
        raise BadInput(f"the album has {kinds[0]}, and the other classes have {kinds[1]}")
    known = {image.sha256 for image in album.images}
    classes = [
        [image for image in dataset.images if image.label == label and image.sha256 not in known]
        for label in range(len(dataset.named_classes))
    ]
    usable = [images for images in classes if len(images) >= MIN_TRAIN_IMAGES_PER_CLASS]
    if not usable:
        raise BadInput(f"no other class has {MIN_TRAIN_IMAGES_PER_CLASS} images that are not in the album")
    rng, chosen = np.random.default_rng(seed), []
    largest_first = sorted(usable, key=len, reverse=True)[:MAX_CLASSES]
    limit = max(MIN_TRAIN_IMAGES_PER_CLASS, min(most, MAX_IMAGES_PER_CLASS))
    for label, images in enumerate(largest_first):
        picked = np.sort(rng.permutation(len(images))[:limit])
        chosen += [replace(images[number], label=label) for number in picked]
    names = tuple(str(label) for label in range(len(largest_first)))
    return OtherClasses(
        dataset=replace(dataset, classes=names, images=tuple(chosen)), largest=min(limit, len(largest_first[0]))
    )


def _are_photographs(dataset: ImageDataset) -> bool:
    return are_photographs([(image.width, image.height) for image in dataset.images])
