"""Pairs of an uploaded image and its delivered file, both decoded from their encoded bytes at full size."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.archive.delivery import Delivery
from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask
from core.ingest.dataset import ImageDataset, ImageRecord
from core.metrics.windows import Window
from core.runtime.progress import Progress

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}  # by mode


@dataclass(frozen=True, slots=True)
class WindowPair:
    """The same rectangle of an image as uploaded and as delivered, uint8 (h, w, c) in the mode of the upload."""

    original: NDArray[np.uint8]
    delivered: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFiles:
    """What is needed to read uploaded and delivered files side by side.

    Attributes:
        dataset: The upload.
        archive: What is delivered.
        scratch: Folder for temporary files.
        sandbox: Decodes the images.
        progress: May stop the work.
    """

    dataset: ImageDataset
    archive: Delivery
    scratch: Path
    sandbox: DecoderSandbox
    progress: Progress

    def read(self, wanted: Iterable[tuple[int, Sequence[Window]]]) -> Iterator[tuple[int, list[WindowPair]]]:
        """Decode images.

        Args:
            wanted: The index of each image in the dataset, and its windows. Only images in the archive.

        Returns:
            The index of each image with its windows, in order; an image that cannot be decoded is left out.
        """
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            requests = list(wanted)
            tasks = (task for i, windows in requests for task in self._tasks(i, windows, Path(folder)))
            results = self.sandbox.map(tasks, tick=self.progress.tick)
            for i, windows in requests:
                (_, before), (task, after) = next(results), next(results)
                task.file.unlink()
                image = self.dataset.images[i]
                sides = [_pixels(result, image, windows) for result in (before, after)]
                if sides[0] is not None and sides[1] is not None:
                    yield i, [WindowPair(*pair) for pair in zip(*sides, strict=True)]

    def _tasks(self, i: int, windows: Sequence[Window], folder: Path) -> list[SandboxTask]:
        """The tasks that decode the upload and a copy of the delivered file."""
        image, path = self.dataset.images[i], self.archive.delivered.paths[i]
        copy = folder / str(i)
        copy.write_bytes(self.archive.read(str(path)))
        boxes = [[window.left, window.top, window.right, window.bottom] for window in windows]
        args = {"mode": image.mode, "windows": boxes}
        return [SandboxTask(op="windows", file=file, args=args) for file in (image.disk_path, copy)]


def _pixels(result: SandboxResult, image: ImageRecord, windows: Sequence[Window]) -> list[NDArray[np.uint8]] | None:
    """The pixels of each window; None if the image was refused, or the sandbox answered in another form."""
    channels = CHANNELS[image.mode]
    shapes = [(window.bottom - window.top, window.right - window.left, channels) for window in windows]
    if result.refused is not None or [len(blob) for blob in result.blobs] != [int(np.prod(shape)) for shape in shapes]:
        return None
    return [np.frombuffer(blob, np.uint8).reshape(shape) for blob, shape in zip(result.blobs, shapes, strict=True)]
