"""The pixels of a dataset at one size, for networks."""

import tempfile

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput
from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask, sandbox_or_new
from core.ingest.dataset import ImageDataset
from core.runtime.progress import Progress

MAX_BYTES_IN_MEMORY = 1 << 30  # larger arrays lie in a memory-mapped file


def load_pixels(
    dataset: ImageDataset,
    size: int,
    *,
    channels: int | None = None,
    progress: Progress | None = None,
    sandbox: DecoderSandbox | None = None,
) -> NDArray[np.uint8]:
    """Decode every image at `size` x `size`, whatever its aspect ratio.

    Args:
        dataset: The images.
        size: Width and height in pixels.
        channels: 1 for greyscale, or 3; default: 1 if all images are greyscale, else 3.
        progress: Is told after each image that the work is alive, and may stop it.
        sandbox: Decodes the images; default: a new one for this call.

    Returns:
        uint8 (n, channels, size, size) in the dataset's order.

    Raises:
        BadInput: An image cannot be decoded any more.
    """
    progress = progress or Progress()
    channels = channels or dataset.channels
    out = allocate_pixels((len(dataset.images), channels, size, size))
    args = {"size": size, "channels": channels}
    tasks = (SandboxTask(op="pixels", file=image.disk_path, args=args) for image in dataset.images)
    with sandbox_or_new(sandbox, dataset.limits) as sandbox:
        for number, (_, result) in enumerate(sandbox.map(tasks, tick=progress.tick)):
            out[number] = pixels_of(result, 0, out.shape[1:], dataset.images[number].path)
            progress.tick()
    return out


def allocate_pixels(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An uninitialized uint8 array: in memory, or memory-mapped to an unnamed file above MAX_BYTES_IN_MEMORY."""
    if int(np.prod(shape)) <= MAX_BYTES_IN_MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.uint8, mode="w+", shape=shape)


def pixels_of(result: SandboxResult, blob: int, shape: tuple[int, ...], path: str) -> NDArray[np.uint8]:
    """The pixels in a result of the sandbox, checked.

    Args:
        result: What the sandbox answered.
        blob: Index of the blob that holds the pixels.
        shape: The expected shape.
        path: The image's path in the upload, for messages.

    Returns:
        uint8 of that shape, read-only.

    Raises:
        BadInput: The sandbox refused the image, or the blob has another length.
    """
    if result.refused is not None:
        raise BadInput(f"“{path}” could be decoded before, but not any more: {result.refused}.", path)
    if len(result.blobs) <= blob or len(result.blobs[blob]) != int(np.prod(shape)):
        raise BadInput(f"The decoder returned “{path}” in the wrong size; remove it from the upload.", path)
    return np.frombuffer(result.blobs[blob], np.uint8).reshape(shape)
