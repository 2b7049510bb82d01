"""CIFAR's own binary files."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInput
from experiments.cifar_binary import FORMATS, find_format, read_binary

CIFAR10, CIFAR100 = FORMATS


def records(labels: list[list[int]], seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), 3072), dtype=np.uint8)
    return np.concatenate([np.array(labels, np.uint8), pixels], axis=1).tobytes()


def cifar10(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number, name in enumerate(CIFAR10.train):
        (folder / name).write_bytes(records([[number], [9]], seed=number))
    (folder / "test_batch.bin").write_bytes(records([[7]], seed=9))
    return folder


def cifar100(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "train.bin").write_bytes(records([[19, 99], [0, 3]]))
    (folder / "test.bin").write_bytes(records([[1, 2]]))
    return folder


def test_cifar10_is_read_batch_by_batch(tmp_path: Path) -> None:
    folder = cifar10(tmp_path / "cifar")
    train, test = read_binary(*find_format(folder))
    assert train.pixels.shape == (10, 3, 32, 32)
    assert train.labels.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert (test.pixels.shape, test.labels.tolist()) == ((1, 3, 32, 32), [7])
    raw = (folder / "data_batch_2.bin").read_bytes()
    assert train.pixels[2, 0, 0, 1] == raw[2]  # red, first row, second pixel
    assert train.pixels[2, 1, 0, 0] == raw[1 + 1024]  # green follows all of red


def test_cifar100_goes_by_its_fine_labels_and_is_found_below_its_usual_name(tmp_path: Path) -> None:
    cifar100(tmp_path / "cifar-100-binary")
    cifar, place = find_format(tmp_path)
    train, test = read_binary(cifar, place)
    assert (cifar.classes, train.pixels.dtype) == (100, np.uint8)
    assert (train.labels.tolist(), test.labels.tolist()) == ([99, 3], [2])


def test_another_folder_has_no_binary_format(tmp_path: Path) -> None:
    assert find_format(tmp_path) is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = cifar10(tmp_path / "cifar")
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(BadInput, match=r"lacks data_batch_3\.bin"):
        read_binary(*find_format(folder))


@pytest.mark.parametrize("damage", [b"", b"\0" * 3072, b"\x0a" + b"\0" * 3072])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: bytes) -> None:
    """Empty, cut off, or with a label that there is not."""
    folder = cifar10(tmp_path / "cifar")
    (folder / "test_batch.bin").write_bytes(damage)
    with pytest.raises(BadInput, match=r"test_batch\.bin"):
        read_binary(*find_format(folder))
