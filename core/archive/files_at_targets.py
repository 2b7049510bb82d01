"""The same few images at several targets of visibility, as an archive would hold them, with their middles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.archive.delivered_files import CHANNELS, WindowPair
from core.archive.noise_source import ClassTextures
from core.archive.write_images import SECONDS_PER_PIXEL, ArchiveSettings
from core.errors import BadInput
from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask
from core.ingest.dataset import ImageDataset, ImageRecord
from core.metrics.windows import Window, windows_of
from core.runtime.progress import Progress

MIDDLE = 256  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAtTarget:
    """One image within one target.

    Attributes:
        index: Of the image in the dataset.
        target: Largest FLIP.
        data: The file.
        flip: Its FLIP against the original, from 0 (invisible) to 1.
        middle: The middle of the first window that stands for the image.
    """

    index: int
    target: float
    data: bytes
    flip: float
    middle: WindowPair


def files_at_targets(
    dataset: ImageDataset,
    noise: ClassTextures,
    settings: ArchiveSettings,
    groups: Sequence[Sequence[float]],
    *,
    sandbox: DecoderSandbox,
    progress: Progress,
) -> Iterator[list[FileAtTarget]]:
    """Encode each image with its texture once for each target.

    Args:
        dataset: The images.
        noise: Their textures.
        settings: How images are written; the targets take the place of `max_flip`.
        groups: Largest FLIP of the delivered files. An image is decoded once for all targets of a group.
        sandbox: Encodes the images.
        progress: May stop the work.

    Returns:
        For each group the files of one image after the other, while those of the next are made. An image that cannot
        be written is left out.

    Raises:
        BadInput: No image could be written.
    """
    middles = [_middle(image) for image in dataset.images]
    tasks = [
        replace(task, group=group)
        for group, targets in enumerate(groups)
        for task in _tasks(dataset, noise, settings, targets, middles)
    ]
    results = sandbox.map(tasks, tick=progress.tick)
    for targets in groups:
        made: list[FileAtTarget] = []
        refused: list[str] = []
        for i, (image, middle) in enumerate(zip(dataset.images, middles, strict=True)):
            _, result = next(results)
            reason = _invalid(result, image, middle, len(targets))
            if reason is None:
                made += _files(i, image, middle, targets, result)
            else:
                refused.append(f"“{image.path}”: {reason}")
        if not made:
            raise BadInput(f"None of the images could be written. The first: {refused[0]}.")
        yield made


def _tasks(
    dataset: ImageDataset,
    noise: ClassTextures,
    settings: ArchiveSettings,
    targets: Sequence[float],
    middles: Sequence[Window],
) -> Iterator[SandboxTask]:
    """The encoding of each image in the sandbox for some targets, in order."""
    args = {
        "radius": settings.radius,
        "format": settings.format,
        "keep_exif": settings.keep_exif,
        "max_flips": list(targets),
    }
    for i, (image, middle) in enumerate(zip(dataset.images, middles, strict=True)):
        yield SandboxTask(
            op="encode_at_targets",
            file=image.disk_path,
            args=args | dict(noise.args(i)) | {"window": [middle.left, middle.top, middle.right, middle.bottom]},
            extra_seconds=len(targets) * image.width * image.height * SECONDS_PER_PIXEL,
        )


def _middle(image: ImageRecord) -> Window:
    """The middle of the first window, with at most MIDDLE pixels along each side."""
    first = windows_of(image.width, image.height)[0]
    left, right = _middle_of(first.left, first.right)
    top, bottom = _middle_of(first.top, first.bottom)
    return Window(left, top, right, bottom)


def _middle_of(start: int, end: int) -> tuple[int, int]:
    length = min(MIDDLE, end - start)
    first = start + (end - start - length) // 2
    return first, first + length


def _invalid(result: SandboxResult, image: ImageRecord, middle: Window, targets: int) -> str | None:
    """Why a result cannot be used, None if it can: a hijacked decoder may send anything."""
    if result.refused is not None:
        return result.refused
    if result.sha256 != image.sha256:
        return "its file changed while it was being protected"
    flips, windows = result.values.get("flips"), result.blobs[targets:]
    valid = isinstance(flips, list) and len(flips) == targets and all(type(x) is float and 0 <= x <= 1 for x in flips)
    valid &= [len(pixels) for pixels in windows] == [middle.pixels * CHANNELS[image.mode]] * (1 + targets)
    return None if valid else "it crashed the encoder"


def _files(
    index: int, image: ImageRecord, middle: Window, targets: Sequence[float], result: SandboxResult
) -> Iterator[FileAtTarget]:
    shape = (middle.bottom - middle.top, middle.right - middle.left, CHANNELS[image.mode])
    files, windows = result.blobs[: len(targets)], result.blobs[len(targets) :]
    original, *delivered = (np.frombuffer(pixels, np.uint8).reshape(shape) for pixels in windows)
    for target, flip, data, pixels in zip(targets, result.values["flips"], files, delivered, strict=True):
        yield FileAtTarget(
            index=index, target=target, data=data, flip=flip, middle=WindowPair(original=original, delivered=pixels)
        )
