"""CIFAR-10 and CIFAR-100 in their binary format (Krizhevsky 2009): fixed records of labels and 3 x 32 x 32 bytes.

The pickled format is not read, because unpickling runs any code that the file contains.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import BadInput
from core.training.labelled_images import LabelledArrays

PIXEL_BYTES = 3 * 32 * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class CifarFormat:
    """The files of one dataset.

    Attributes:
        folder: usual name of the folder.
        train: names of the training files.
        test: names of the test files.
        label_bytes: bytes before the pixels of a record; the last one is the class.
        classes: number of classes.
    """

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    label_bytes: int
    classes: int


FORMATS = (
    CifarFormat(
        folder="cifar-10-batches-bin",
        train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        test=("test_batch.bin",),
        label_bytes=1,
        classes=10,
    ),
    CifarFormat(folder="cifar-100-binary", train=("train.bin",), test=("test.bin",), label_bytes=2, classes=100),
)


def find_format(folder: Path) -> tuple[CifarFormat, Path] | None:
    """The format of the files in `folder`, or in the folder of the usual name below it, and where they are; or None."""
    for cifar in FORMATS:
        for place in (folder, folder / cifar.folder):
            if (place / cifar.train[0]).is_file():
                return cifar, place
    return None


def read_binary(cifar: CifarFormat, folder: Path) -> tuple[LabelledArrays, LabelledArrays]:
    """The training images and the test images.

    Args:
        cifar: which files to read.
        folder: where they are.

    Raises:
        BadInput: a file is missing or damaged.
    """
    missing = [name for name in (*cifar.train, *cifar.test) if not (folder / name).is_file()]
    if missing:
        raise BadInput(f"{folder} lacks {', '.join(missing)}; fetch it again", str(folder))
    return _read(cifar, [folder / name for name in cifar.train]), _read(cifar, [folder / name for name in cifar.test])


def _read(cifar: CifarFormat, paths: list[Path]) -> LabelledArrays:
    files = [_read_file(cifar, path) for path in paths]
    return LabelledArrays(
        pixels=np.concatenate([images.pixels for images in files]),
        labels=np.concatenate([images.labels for images in files]),
        classes=cifar.classes,
    )


def _read_file(cifar: CifarFormat, path: Path) -> LabelledArrays:
    data = np.frombuffer(path.read_bytes(), np.uint8)
    record = cifar.label_bytes + PIXEL_BYTES
    if not len(data) or len(data) % record:
        raise BadInput(f"{path} is no whole number of records of {record} bytes; fetch it again", str(path))
    records = data.reshape(-1, record)
    labels = records[:, cifar.label_bytes - 1].astype(np.int64)
    if labels.max() >= cifar.classes:
        raise BadInput(f"{path} has a label beyond {cifar.classes - 1}; fetch it again", str(path))
    pixels = records[:, cifar.label_bytes :].reshape(-1, 3, 32, 32)
    return LabelledArrays(pixels=pixels, labels=labels, classes=cifar.classes)
