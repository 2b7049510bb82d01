"""Encode the images of a dataset with their noise in the sandbox, and write them into the archive."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.archive.delivered_images import DeliveredImages
from core.archive.member_names import UploadedImage, delivered_names
from core.archive.noise_source import NoiseSource
from core.archive.zip_writer import ZipWriter
from core.errors import BadInput
from core.imaging.formats import MAX_GROWTH
from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask
from core.ingest.dataset import ImageDataset, ImageRecord
from core.ingest.pixels import allocate_pixels, pixels_of
from core.limits import SkippedFile
from core.runtime.progress import Progress

SECONDS_PER_PIXEL = 2e-5  # three times the time of an AVIF that is compressed several times, so that none times out
DIFFERENCES = ("linf", "mae", "mse", "beyond")
FAINT_NOISE = 0.4  # mean absolute value, of 255, below which a report calls noise faint


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """How images are written.

    Attributes:
        radius: Maximum absolute value of the noise, of 255. Lossless formats change no colour value by more.
        format: `same` for the format of the upload, or `png`.
        keep_exif: Whether EXIF and XMP are kept.
        protect_mask: bool (n,), True for an image that gets noise; the others are encoded the same way without noise.
            None: all get noise.
        max_flip: How visible the noise of each image may be (`core.specs.visibility`). None: the noise is not scaled.
    """

    radius: int
    format: str = "same"
    keep_exif: bool = False
    protect_mask: NDArray[np.bool_] | None = None
    max_flip: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """All images of an archive, and how each is written.

    Attributes:
        dataset: The images.
        noise: The noise of all images.
        settings: How images are written.
        protect_mask: bool (n,), True for an image that gets noise.
        names: The path of each image in the archive.
    """

    dataset: ImageDataset
    noise: NoiseSource
    settings: ArchiveSettings
    protect_mask: NDArray[np.bool_]
    names: list[str]

    def tasks(self) -> Iterator[SandboxTask]:
        """The encoding of each image in the sandbox, in order."""
        args = {
            "size": self.noise.size,
            "channels": self.noise.channels,
            "radius": self.settings.radius,
            "format": self.settings.format,
            "keep_exif": self.settings.keep_exif,
            "max_flip": self.settings.max_flip,
        }
        for i, image in enumerate(self.dataset.images):
            protected = bool(self.protect_mask[i])
            yield SandboxTask(
                op="encode_with_noise",
                file=image.disk_path,
                args=args | dict(self.noise.args(i)) if protected else args,
                blobs=(self.noise.blob(i) if protected else b"",),
                extra_seconds=image.width * image.height * SECONDS_PER_PIXEL,
            )


def plan_images(dataset: ImageDataset, noise: NoiseSource, settings: ArchiveSettings) -> ImagePlan:
    """How each image of a dataset is written.

    Args:
        dataset: The images, and the other files, whose names are taken.
        noise: The noise of all images.
        settings: How images are written.

    Raises:
        ValueError: The noise or the mask is for another number of images or channels.
    """
    count = len(dataset.images)
    if (noise.count, noise.channels) != (count, dataset.channels):
        raise ValueError(
            f"noise must be for {count} images with {dataset.channels} channels, not for {noise.count} with "
            f"{noise.channels}"
        )
    mask = np.ones(count, bool) if settings.protect_mask is None else settings.protect_mask
    if mask.shape != (count,):
        raise ValueError(f"protect_mask must be bool {(count,)}, not {mask.shape}")
    uploaded = [UploadedImage(image.path, image.format, image.mode) for image in dataset.images]
    names = delivered_names(uploaded, [file.path for file in dataset.passthrough], settings.format)
    return ImagePlan(dataset=dataset, noise=noise, settings=settings, protect_mask=mask, names=names)


def write_images(
    plan: ImagePlan, zip_writer: ZipWriter, sandbox: DecoderSandbox, progress: Progress
) -> tuple[DeliveredImages, list[SkippedFile]]:
    """Encode every image and write it.

    Args:
        plan: The images, and how each is written.
        zip_writer: The archive.
        sandbox: Encodes the images.
        progress: Reports the stage "writing", and may stop the work.

    Returns:
        The images as they were written, and those that failed as skipped files.

    Raises:
        BadInput: No image could be written.
    """
    images, names = plan.dataset.images, plan.names
    size, channels = plan.noise.size, plan.noise.channels
    pixels = allocate_pixels((len(names), channels, size, size))
    faint, missed, grown = np.zeros((3, len(names)), bool)
    max_flip = plan.settings.max_flip or 1.0
    differences = np.zeros((len(DIFFERENCES), len(names)))
    paths: list[str | None] = []
    failed: list[SkippedFile] = []
    progress.start("writing", len(names))
    for i, (_, result) in enumerate(sandbox.map(plan.tasks(), tick=progress.tick)):
        image = images[i]
        reason = _invalid_encoding(result, image, pixels[i].nbytes)
        if reason is None:
            zip_writer.add_image(
                names[i], result.blobs[0], upload_path=image.path, protected=bool(plan.protect_mask[i])
            )
            pixels[i] = pixels_of(result, 1, pixels[i].shape, image.path)
            if plan.protect_mask[i]:
                differences[:, i] = [result.values[key] for key in DIFFERENCES]
                faint[i] = result.values.get("noise", FAINT_NOISE) < FAINT_NOISE
                missed[i] = result.values.get("flip", 0.0) > max_flip
                grown[i] = result.values["growth"] > MAX_GROWTH
        else:
            failed.append(SkippedFile(image.path, reason))
            pixels[i] = _uploaded_pixels(image, pixels[i].shape, sandbox)
        paths.append(names[i] if reason is None else None)
        progress.advance()
    if len(failed) == len(paths):
        raise BadInput(f"None of the images could be written. The first: “{failed[0].path}”: {failed[0].reason}.")
    linf, mae, mse, beyond = differences
    delivered = DeliveredImages(
        pixels=pixels,
        linf=linf,
        mae=mae,
        mse=mse,
        beyond=beyond,
        faint=faint,
        missed=missed,
        grown=grown,
        paths=tuple(paths),
    )
    return delivered, failed


def _invalid_encoding(result: SandboxResult, image: ImageRecord, size: int) -> str | None:
    """Why a result cannot be delivered, None if it can: a hijacked decoder may send anything."""
    if result.refused is not None:
        return result.refused
    if result.sha256 != image.sha256:
        return "its file changed while it was being protected"
    values = [result.values.get(key) for key in (*DIFFERENCES, "growth")]
    values += [result.values.get(key, 0.0) for key in ("noise", "flip")]
    valid = all(type(value) is float and 0 <= value <= 255**2 for value in values)
    return None if valid and len(result.blobs) == 2 and len(result.blobs[1]) == size else "it crashed the encoder"


def _uploaded_pixels(image: ImageRecord, shape: tuple[int, ...], sandbox: DecoderSandbox) -> NDArray[np.uint8]:
    task = SandboxTask(op="pixels", file=image.disk_path, args={"size": shape[-1], "channels": shape[0]})
    [(_, result)] = sandbox.map([task])
    return pixels_of(result, 0, shape, image.path) if result.refused is None else np.zeros(shape, np.uint8)
