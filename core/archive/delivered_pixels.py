"""The delivered images as a learner reads them: decoded from the bytes in the archive, at the learner's own size."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.imaging.sandbox import DecoderSandbox, SandboxTask
from core.ingest.pixels import allocate_pixels, pixels_of
from core.runtime.progress import Progress

IMAGES_ON_DISK = 256  # extracted at once, since the sandbox reads files


def load_delivered_pixels(
    read: Callable[[str], bytes],
    paths: Sequence[str | None],
    uploaded: NDArray[np.uint8],
    *,
    scratch: Path,
    sandbox: DecoderSandbox,
    progress: Progress,
) -> NDArray[np.uint8]:
    """Decode images of a protected archive at the size of the uploaded ones.

    Args:
        read: Gives the bytes of a file in the archive, by its path.
        paths: Path in the archive of each image; None for one that could not be written.
        uploaded: The same images as uploaded, uint8 (n, c, s, s), which take the place of those that are not written.
        scratch: A folder for temporary files.
        sandbox: Decodes the images.
        progress: Is told after each image that the work is alive, and may stop it.

    Returns:
        uint8 (n, c, s, s).

    Raises:
        BadInput: An image in the archive cannot be decoded.
    """
    pixels = allocate_pixels(uploaded.shape)
    _, channels, size, _ = uploaded.shape
    for first in range(0, len(paths), IMAGES_ON_DISK):
        chunk = range(first, min(first + IMAGES_ON_DISK, len(paths)))
        written = {number: path for number in chunk if (path := paths[number]) is not None}
        pixels[first : first + len(chunk)] = uploaded[first : first + len(chunk)]
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            files = {number: Path(folder) / str(number) for number in written}
            for number, file in files.items():
                file.write_bytes(read(written[number]))
            args = {"size": size, "channels": 3}  # a greyscale AVIF is decoded as RGB
            tasks = [SandboxTask(op="pixels", file=file, args=args) for file in files.values()]
            results = sandbox.map(tasks, tick=progress.tick)
            for (number, path), (_, result) in zip(written.items(), results, strict=True):
                pixels[number] = pixels_of(result, 0, (3, size, size), path)[:channels]
                progress.tick()
    return pixels
