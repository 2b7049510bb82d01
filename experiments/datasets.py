"""The images of an experiment: a folder of pictures, or CIFAR's own binary files, decoded once and kept as arrays."""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput
from core.evaluation.evidence import too_few
from core.ingest.dataset import ImageDataset, open_dataset
from core.ingest.pixels import load_pixels
from core.ingest.split import select_test_mask
from core.runtime.atomic_files import read_json, write_json
from core.runtime.distributed import on_rank_0
from core.runtime.progress import Progress
from core.specs.work_size import work_size
from experiments.cifar_binary import Part, find_form, read_binary
from experiments.scale import Scale

ARRAYS = ("train", "train_labels", "test", "test_labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentImages:
    """Training and test images, uint8 (n, c, s, s), with labels int64 (n,) below `classes`."""

    name: str
    classes: int
    train: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test: NDArray[np.uint8]
    test_labels: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Their side in pixels."""
        return int(self.train.shape[-1])

    @property
    def chance(self) -> float:
        """The accuracy of always naming the commonest class of the test images."""
        return float(np.bincount(self.test_labels).max() / len(self.test_labels))


def guess_dataset(images: ExperimentImages) -> str | None:
    """Which of the paper's datasets these are likely to be, told by classes and size; None for none of them."""
    if images.size == 32:
        return {10: "cifar10", 100: "cifar100"}.get(images.classes)
    return "imagenet" if images.classes == 100 else None


def fingerprint(source: Path) -> str:
    """What tells one source from another: the bytes of CIFAR's files, the names and sizes of anybody else's."""
    found = find_form(source)
    digest = hashlib.sha256()
    for piece in _binary_pieces(found[1]) if found else _names_and_sizes(source):
        digest.update(piece)
    return digest.hexdigest()


def load_images(source: Path, out: Path, scale: Scale, *, progress: Progress) -> ExperimentImages:
    """The part of `source` that the scale takes; read from `out`, where it was put before.

    Raises BadInput for a source that cannot be used.
    """
    about = on_rank_0(lambda: read_json(out / "about.json") or _keep(_read(source, scale, progress), out))
    arrays = {name: np.load(out / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in ARRAYS}
    return ExperimentImages(**about, **arrays)


def _keep(images: ExperimentImages, out: Path) -> dict[str, Any]:
    """Put them into `out`; returns what is said there of them."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ARRAYS:
        np.save(out / f"{name}.npy", getattr(images, name), allow_pickle=False)
    about = {"name": images.name, "classes": images.classes}
    write_json(out / "about.json", about)  # last: without it the arrays count for nothing
    return about


def _read(source: Path, scale: Scale, progress: Progress) -> ExperimentImages:
    found = find_form(source)
    if found is None:
        return _from_pictures(source, scale, progress)
    form, place = found
    (train, train_labels), (test, test_labels) = (
        _first(part, count, form.classes)
        for part, count in zip(read_binary(form, place), (scale.train, scale.test), strict=True)
    )
    return ExperimentImages(
        name=f"CIFAR-{form.classes}",
        classes=form.classes,
        train=train,
        train_labels=train_labels,
        test=test,
        test_labels=test_labels,
    )


def _first(part: Part, count: int | None, classes: int) -> Part:
    chosen = first_of_each_class(part[1], count, classes=classes)
    return part[0][chosen], part[1][chosen]


def _from_pictures(source: Path, scale: Scale, progress: Progress) -> ExperimentImages:
    with tempfile.TemporaryDirectory(prefix="unteachable-") as scratch:
        dataset = open_dataset(source, Path(scratch), progress=progress)
        labels = np.array([picture.label for picture in dataset.images], dtype=np.int64)
        tested = select_test_mask(labels, [picture.split for picture in dataset.images], seed=0)
        classes = len(dataset.classes)
        train, test = (
            places[first_of_each_class(labels[places], count, classes=classes)]
            for places, count in ((np.flatnonzero(~tested), scale.train), (np.flatnonzero(tested), scale.test))
        )
        both = np.concatenate([train, test])
        why_not = too_few(labels[both], np.arange(len(both)) >= len(train), classes)
        if why_not:
            raise BadInput(why_not)
        size = work_size([(p.width, p.height) for p in dataset.images], max_size=scale.largest)
        pixels = load_pixels(_only(dataset, both), size, progress=progress)
        return ExperimentImages(
            name=dataset.name,
            classes=classes,
            train=pixels[: len(train)],
            train_labels=labels[train],
            test=pixels[len(train) :],
            test_labels=labels[test],
        )


def _only(dataset: ImageDataset, places: NDArray[np.int64]) -> ImageDataset:
    return replace(dataset, images=tuple(dataset.images[place] for place in places))


def first_of_each_class(labels: NDArray[np.int64], count: int | None, *, classes: int) -> NDArray[np.bool_]:
    """bool (n,): the first `count` // classes of each class, at least one; all where `count` is None.

    The same for every seed, so that only training differs between seeds.
    """
    if count is None:
        return np.ones(len(labels), dtype=bool)
    chosen = np.zeros(len(labels), dtype=bool)
    for label in range(classes):
        chosen[np.flatnonzero(labels == label)[: max(1, count // classes)]] = True
    return chosen


def _binary_pieces(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.glob("*.bin")):
        yield path.name.encode()
        yield hashlib.sha256(path.read_bytes()).digest()


def _names_and_sizes(source: Path) -> Iterator[bytes]:
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    for path in files:
        name = path.relative_to(source).as_posix()
        yield f"{name}\0{path.stat().st_size}\0".encode("utf-8", "surrogateescape")
