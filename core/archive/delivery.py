"""A protected archive that is complete on disk: what a report reads of it, also in a later attempt of the same work."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from core.archive.delivered_images import DeliveredImages
from core.ingest.pixels import allocate_pixels
from core.limits import SkippedFile
from core.runtime.checkpoints import CheckpointStore

SHARD = 1024  # images whose arrays are saved together
CHECKPOINT = "delivery.json"


class Delivery(Protocol):
    """What reports read of an archive, whether it is still written or complete."""

    @property
    def delivered(self) -> DeliveredImages:
        """The images as they were written."""
        ...

    @property
    def skipped(self) -> list[SkippedFile]:
        """Files of the upload that are not in the archive as images."""
        ...

    def read(self, name: str) -> bytes:
        """The bytes of a file in the archive. Raises KeyError if there is none with this name."""
        ...


@dataclass(slots=True, kw_only=True)
class WrittenArchive:
    """A complete archive.

    Attributes:
        path: The zip.
        delivered: The images as they were written.
        skipped: Files of the upload that are not in the archive as images.
    """

    path: Path
    delivered: DeliveredImages
    skipped: list[SkippedFile]
    _zip: zipfile.ZipFile | None = None  # opened once, since reading the directory of a large archive takes long

    def read(self, name: str) -> bytes:
        """The bytes of a file in the archive. Raises KeyError if there is none with this name."""
        if self._zip is None:
            self._zip = zipfile.ZipFile(self.path)
        return self._zip.read(name)


def save_delivery(archive: WrittenArchive, checkpoints: CheckpointStore) -> None:
    """Save what `load_delivery` needs besides the archive itself.

    Args:
        archive: The complete archive.
        checkpoints: Where to save it.
    """
    arrays, others = _split(archive.delivered)
    count = len(archive.delivered.paths)
    for number, first in enumerate(range(0, count, SHARD)):
        data = io.BytesIO()
        np.savez(data, **{name: array[first : first + SHARD] for name, array in arrays.items()})
        checkpoints.save(_shard_name(number), data.getvalue())
    about = {
        "sha256": _sha256(archive.path),
        "shapes": {name: [array.shape, str(array.dtype)] for name, array in arrays.items()},
        "others": others,
        "skipped": [[file.path, file.reason] for file in archive.skipped],
    }
    checkpoints.save(CHECKPOINT, json.dumps(about).encode())


def load_delivery(path: Path, checkpoints: CheckpointStore) -> WrittenArchive | None:
    """The archive that an earlier attempt completed; None if it is no longer there, or another file is.

    Args:
        path: Where the archive would be.
        checkpoints: What `save_delivery` saved.
    """
    saved = checkpoints.load(CHECKPOINT)
    if saved is None or not path.is_file():
        return None
    about = json.loads(saved)
    if _sha256(path) != about["sha256"]:
        return None
    arrays: dict[str, Any] = {
        name: allocate_pixels(tuple(shape)) if dtype == "uint8" else np.empty(shape, dtype)
        for name, (shape, dtype) in about["shapes"].items()
    }
    others: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in about["others"].items()
    }
    for number, first in enumerate(range(0, len(others["paths"]), SHARD)):
        data = checkpoints.load(_shard_name(number))
        if data is None:
            return None
        with np.load(io.BytesIO(data), allow_pickle=False) as shard:
            for name, array in arrays.items():
                array[first : first + SHARD] = shard[name]
    skipped = [SkippedFile(*file) for file in about["skipped"]]
    return WrittenArchive(path=path, delivered=DeliveredImages(**(arrays | others)), skipped=skipped)


def _split(delivered: DeliveredImages) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that are arrays with a row for each image, and the other fields."""
    values = {field.name: getattr(delivered, field.name) for field in fields(delivered)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    return arrays, {name: value for name, value in values.items() if name not in arrays}


def _shard_name(number: int) -> str:
    return f"delivered-{number}.npz"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
