"""A source becomes the arrays of an experiment."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInput
from core.runtime.progress import Progress
from experiments.datasets import fingerprint, first_of_each_class, guess_dataset, load_images
from tests.experiments.test_cifar_binary import cifar10
from tests.support.tiny_experiments import TINY, drawn_folder, drawn_images


def test_a_folder_becomes_arrays_that_are_read_again_without_it(tmp_path: Path) -> None:
    source = drawn_folder(tmp_path / "data")
    images = load_images(source, tmp_path / "arrays", replace(TINY, train=11, test=None), progress=Progress())
    assert images.train.shape == (10, 3, 32, 32)  # 11 shared by two classes
    assert images.train_labels.tolist() == [0] * 5 + [1] * 5
    assert len(images.test) == 50
    drawn = drawn_images(2, 24, 50)
    assert (images.train[5:] == drawn.train[12:17]).all()
    assert (images.test == drawn.test).all()
    again = load_images(tmp_path / "gone", tmp_path / "arrays", TINY, progress=Progress())
    assert (again.train == images.train).all()
    assert (again.name, again.classes) == ("data", 2)


def test_cifars_binary_files_become_arrays(tmp_path: Path) -> None:
    images = load_images(cifar10(tmp_path / "c"), tmp_path / "arrays", replace(TINY, train=10), progress=Progress())
    assert images.name == "CIFAR-10"
    assert sorted(images.train_labels.tolist()) == [0, 1, 2, 3, 4, 9]  # one image of each class in the files
    assert guess_dataset(images) == "cifar10"


def test_a_folder_with_too_few_images_is_refused(tmp_path: Path) -> None:
    source = drawn_folder(tmp_path / "data", train=12, test=3)
    with pytest.raises(BadInput, match="too few images"):
        load_images(source, tmp_path / "arrays", TINY, progress=Progress())


def test_a_fingerprint_tells_sources_apart(tmp_path: Path) -> None:
    source = drawn_folder(tmp_path / "data", test=1)
    before = fingerprint(source)
    assert fingerprint(source) == before
    (source / "train" / "class0" / "more.png").write_bytes(b"x")
    assert fingerprint(source) != before
    binary = cifar10(tmp_path / "cifar")
    before = fingerprint(binary)
    (binary / "test_batch.bin").write_bytes(bytes((binary / "test_batch.bin").stat().st_size))
    assert fingerprint(binary) != before


def test_the_papers_dataset_is_guessed_by_classes_and_size() -> None:
    def guessed(classes: int, size: int) -> str | None:
        return guess_dataset(replace(drawn_images(), classes=classes, train=np.zeros((1, 3, size, size), np.uint8)))

    assert [guessed(*case) for case in ((10, 32), (100, 32), (100, 64), (10, 64), (2, 32))] == [
        "cifar10",
        "cifar100",
        "imagenet",
        None,
        None,
    ]


def test_the_first_of_each_class() -> None:
    labels = np.array([1, 0, 0, 0, 1, 2])
    assert first_of_each_class(labels, 6, classes=3).tolist() == [True, True, True, False, True, True]
    assert first_of_each_class(labels, 1, classes=3).sum() == 3
    assert first_of_each_class(labels, None, classes=3).all()
