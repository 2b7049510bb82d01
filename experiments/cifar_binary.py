"""CIFAR-10 and CIFAR-100 in their own binary form (Krizhevsky 2009): fixed records of labels and 3 x 32 x 32 bytes.

The pickled form is not read: unpickling runs whatever code the file holds.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput

PIXELS = 3 * 32 * 32
Part = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Where a set's records lie, and what comes before the pixels: `labels` bytes, of which the last counts."""

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    labels: int
    classes: int


FORMS = (
    Form(
        folder="cifar-10-batches-bin",
        train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        test=("test_batch.bin",),
        labels=1,
        classes=10,
    ),
    Form(folder="cifar-100-binary", train=("train.bin",), test=("test.bin",), labels=2, classes=100),
)


def find_form(folder: Path) -> tuple[Form, Path] | None:
    """Which form lies in `folder`, or below it under its usual name, and where; None for any other folder."""
    for form in FORMS:
        for place in (folder, folder / form.folder):
            if (place / form.train[0]).is_file():
                return form, place
    return None


def read_binary(form: Form, folder: Path) -> tuple[Part, Part]:
    """Training and test part: images uint8 (n, 3, 32, 32), labels int64 (n,). Raises BadInput for damaged files."""
    missing = [name for name in (*form.train, *form.test) if not (folder / name).is_file()]
    if missing:
        raise BadInput(f"{folder} lacks {', '.join(missing)}; fetch it again", str(folder))
    train, test = (_joined([_records(folder / name, form) for name in names]) for names in (form.train, form.test))
    return train, test


def _joined(parts: list[Part]) -> Part:
    return np.concatenate([pixels for pixels, _ in parts]), np.concatenate([labels for _, labels in parts])


def _records(path: Path, form: Form) -> Part:
    data = np.frombuffer(path.read_bytes(), np.uint8)
    record = form.labels + PIXELS
    if not len(data) or len(data) % record:
        raise BadInput(f"{path} is no whole number of records of {record} bytes; fetch it again", str(path))
    records = data.reshape(-1, record)
    labels = records[:, form.labels - 1].astype(np.int64)
    if labels.max() >= form.classes:
        raise BadInput(f"{path} has a label beyond {form.classes - 1}; fetch it again", str(path))
    return records[:, form.labels :].reshape(-1, 3, 32, 32), labels
