"""The images of an experiment, from a folder of images or from CIFAR's binary files, saved as arrays."""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput
from core.evaluation.sample_size import too_few_images
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import open_dataset
from core.ingest.pixels import load_pixels
from core.ingest.split import select_test_mask
from core.limits import DEFAULT_LIMITS, Limits
from core.runtime.atomic_files import read_json, write_json
from core.runtime.distributed import on_rank_0
from core.runtime.progress import Progress
from core.specs.work_size import work_size
from core.training.labelled_images import LabelledArrays
from experiments.cifar_binary import find_format, read_binary
from experiments.scale import Scale

ARRAYS = ("train", "train_labels", "test", "test_labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentImages:
    """Training and test images of one size.

    Attributes:
        name: of the dataset.
        classes: number of classes.
        train: pixels uint8 (n, c, s, s).
        train_labels: int64 (n,).
        test: pixels uint8 (m, c, s, s).
        test_labels: int64 (m,).
    """

    name: str
    classes: int
    train: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test: NDArray[np.uint8]
    test_labels: NDArray[np.int64]

    @property
    def train_set(self) -> LabelledArrays:
        """The training images with their labels."""
        return LabelledArrays(pixels=self.train, labels=self.train_labels, classes=self.classes)

    @property
    def test_set(self) -> LabelledArrays:
        """The test images with their labels."""
        return LabelledArrays(pixels=self.test, labels=self.test_labels, classes=self.classes)

    @property
    def size(self) -> int:
        """Side of an image in pixels."""
        return int(self.train.shape[-1])

    @property
    def chance(self) -> float:
        """The accuracy of a model that always names the commonest class of the test images."""
        return float(np.bincount(self.test_labels).max() / len(self.test_labels))


def guess_dataset(images: ExperimentImages) -> str | None:
    """The paper's dataset that has this number of classes and this size, or None."""
    if images.size == 32:
        return {10: "cifar10", 100: "cifar100"}.get(images.classes)
    return "imagenet" if images.classes == 100 else None


def fingerprint(source: Path) -> str:
    """A hash that differs between sources: of the bytes of CIFAR's files, or of the names and sizes of other files."""
    found = find_format(source)
    digest = hashlib.sha256()
    for part in _names_and_hashes(found[1]) if found else _names_and_sizes(source):
        digest.update(part)
    return digest.hexdigest()


def load_images(
    source: Path, out: Path, scale: Scale, *, progress: Progress, limits: Limits = DEFAULT_LIMITS
) -> ExperimentImages:
    """The images of an experiment, read from `source` the first time and from `out` later.

    Args:
        source: a folder or archive of images, or a folder of CIFAR's binary files.
        out: folder of the arrays.
        scale: how many images to take, and their largest size.
        progress: receives the steps of unpacking and decoding.
        limits: what the images may take, and how the processes that decode them are isolated.

    Raises:
        BadInput: the source cannot be used.
    """
    about = on_rank_0(lambda: read_json(out / "about.json") or _save(_read(source, scale, progress, limits), out))
    arrays = {name: np.load(out / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in ARRAYS}
    return ExperimentImages(**about, **arrays)


def _save(images: ExperimentImages, out: Path) -> dict[str, Any]:
    """Save the arrays; returns the content of about.json."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ARRAYS:
        np.save(out / f"{name}.npy", getattr(images, name), allow_pickle=False)
    about = {"name": images.name, "classes": images.classes}
    write_json(out / "about.json", about)  # last, because it marks the arrays as complete
    return about


def _read(source: Path, scale: Scale, progress: Progress, limits: Limits) -> ExperimentImages:
    found = find_format(source)
    if found is None:
        return _from_images(source, scale, progress, limits)
    cifar, folder = found
    train, test = (
        images.select(first_of_each_class(images.labels, count, classes=cifar.classes))
        for images, count in zip(read_binary(cifar, folder), (scale.train, scale.test), strict=True)
    )
    return ExperimentImages(
        name=f"CIFAR-{cifar.classes}",
        classes=cifar.classes,
        train=train.pixels,
        train_labels=train.labels,
        test=test.pixels,
        test_labels=test.labels,
    )


def _from_images(source: Path, scale: Scale, progress: Progress, limits: Limits) -> ExperimentImages:
    with tempfile.TemporaryDirectory(prefix="unteachable-") as scratch, DecoderSandbox(limits=limits) as sandbox:
        opened = open_dataset(source, Path(scratch), limits=limits, progress=progress, sandbox=sandbox)
        dataset = opened.with_named_classes()
        labels = np.array([image.label for image in dataset.images], dtype=np.int64)
        test_mask = select_test_mask(labels, [image.split for image in dataset.images], seed=0)
        classes = len(dataset.classes)
        train, test = (
            indices[first_of_each_class(labels[indices], count, classes=classes)]
            for indices, count in ((np.flatnonzero(~test_mask), scale.train), (np.flatnonzero(test_mask), scale.test))
        )
        both = np.concatenate([train, test])
        reason = too_few_images(labels[both], np.arange(len(both)) >= len(train), classes)
        if reason is not None:
            raise BadInput(reason)
        size = work_size([(image.width, image.height) for image in dataset.images], max_size=scale.max_size)
        chosen = replace(dataset, images=tuple(dataset.images[index] for index in both))
        pixels = load_pixels(chosen, size, progress=progress, sandbox=sandbox)
        return ExperimentImages(
            name=dataset.name,
            classes=classes,
            train=pixels[: len(train)],
            train_labels=labels[train],
            test=pixels[len(train) :],
            test_labels=labels[test],
        )


def first_of_each_class(labels: NDArray[np.int64], count: int | None, *, classes: int) -> NDArray[np.bool_]:
    """Select the same images for every seed, so that only training differs between seeds.

    Args:
        labels: class of each image, int (n,).
        count: images in all, shared evenly by the classes, at least one of each; None for all.
        classes: number of classes.

    Returns:
        Which images are selected, bool (n,).
    """
    if count is None:
        return np.ones(len(labels), dtype=bool)
    mask = np.zeros(len(labels), dtype=bool)
    for label in range(classes):
        mask[np.flatnonzero(labels == label)[: max(1, count // classes)]] = True
    return mask


def _names_and_hashes(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.glob("*.bin")):
        yield path.name.encode()
        yield hashlib.sha256(path.read_bytes()).digest()


def _names_and_sizes(source: Path) -> Iterator[bytes]:
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    for path in files:
        name = path.relative_to(source).as_posix()
        yield f"{name}\0{path.stat().st_size}\0".encode("utf-8", "surrogateescape")
