"""Write the protected archive: the upload's folders with noise in the images, and files that say how it was made.

The archive is written under a temporary name and renamed at the end, so an incomplete one is never at its place. The
same input gives the same bytes.
"""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.archive.delivered_images import DeliveredImages
from core.archive.member_names import RESERVED, UploadedImage, delivered_names, free_name
from core.archive.noise_source import NoiseSource
from core.archive.zip_writer import ZipWriter
from core.errors import BadInput
from core.filenames import fold
from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask, sandbox_or_new
from core.ingest.dataset import ImageDataset, ImageRecord
from core.ingest.labels.rename import rename_images
from core.ingest.pixels import allocate_pixels, pixels_of
from core.limits import SkippedFile
from core.runtime.atomic_files import atomic_file
from core.runtime.progress import Progress

SECONDS_PER_PIXEL = 5e-6  # ten times the time of a photo, so that 100 megapixels on a busy machine do not time out
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


@dataclass(kw_only=True)
class ArchiveWriter:
    """An archive that is being written.

    Attributes:
        delivered: The images as they were written.
        skipped: Files of the upload that are not in the archive as images.
        manifest_extra: Further entries of MANIFEST.json: how the archive was made.
    """

    delivered: DeliveredImages
    skipped: list[SkippedFile]
    manifest_extra: dict[str, Any] = field(default_factory=dict)
    _zip: ZipWriter

    def add(self, name: str, content: bytes | str) -> None:
        """Add a file, such as report.json.

        Args:
            name: Its path in the archive.
            content: Its bytes; text is written as UTF-8.
        """
        self._zip.add(name, content.encode() if isinstance(content, str) else content)

    def read(self, name: str) -> bytes:
        """The bytes of a file that has been written. Raises KeyError if there is none with this name."""
        return self._zip.read(name)

    def manifest(self) -> dict[str, Any]:
        """MANIFEST.json: `manifest_extra`, all files with size and SHA-256, and the skipped files with the reason."""
        skipped = [{"path": file.path, "reason": file.reason} for file in self.skipped]
        return self.manifest_extra | {"files": self._zip.records, "skipped": skipped}


@contextmanager
def write_archive(
    dataset: ImageDataset,
    noise: NoiseSource,
    out: Path,
    settings: ArchiveSettings,
    *,
    progress: Progress | None = None,
    sandbox: DecoderSandbox | None = None,
) -> Iterator[ArchiveWriter]:
    """Write the images of a dataset with noise, and copies of the other files.

    Use it in a `with` statement. The block gets the archive with the images written, so that it can measure them and
    add files. At the end of the block MANIFEST.json is added and the file moves to `out`; if the block raises, nothing
    is left.

    Args:
        dataset: The images and the other files.
        noise: The noise of all images, with the dataset's number of channels.
        out: Where the finished zip goes.
        settings: How images are written.
        progress: Reports the stage "writing", and may stop the work.
        sandbox: Encodes the images; default: a new one for this call.

    Raises:
        ValueError: The noise or the mask is for another number of images or channels.
        BadInput: No image could be written.
    """
    progress = progress or Progress()
    plan = _plan(dataset, noise, settings)
    with atomic_file(out) as part, zipfile.ZipFile(part, "w", strict_timestamps=True) as archive:
        zip_writer = ZipWriter(archive)
        with sandbox_or_new(sandbox, dataset.limits) as sandbox:
            delivered, failed = _write_images(plan, zip_writer, sandbox, progress)
        _copy_passthrough(dataset, zip_writer, progress)
        skipped = sorted([*dataset.skipped, *failed], key=lambda file: file.path)
        writer = ArchiveWriter(delivered=delivered, skipped=skipped, _zip=zip_writer)
        yield writer
        text = json.dumps(writer.manifest(), indent=1, ensure_ascii=False)
        zip_writer.add_unrecorded("MANIFEST.json", text.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """All images with their noise, and the path and the protection of each."""

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


def _plan(dataset: ImageDataset, noise: NoiseSource, settings: ArchiveSettings) -> _Plan:
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
    return _Plan(dataset=dataset, noise=noise, settings=settings, protect_mask=mask, names=names)


def _write_images(
    plan: _Plan, zip_writer: ZipWriter, sandbox: DecoderSandbox, progress: Progress
) -> tuple[DeliveredImages, list[SkippedFile]]:
    """Encode every image in the sandbox and write it; returns the images, and those that failed as skipped files."""
    images, names = plan.dataset.images, plan.names
    size, channels = plan.noise.size, plan.noise.channels
    pixels = allocate_pixels((len(names), channels, size, size))
    faint = np.zeros(len(names), bool)
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
        else:
            failed.append(SkippedFile(image.path, reason))
            pixels[i] = _uploaded_pixels(image, pixels[i].shape, sandbox)
        paths.append(names[i] if reason is None else None)
        progress.advance()
    if len(failed) == len(paths):
        raise BadInput(f"None of the images could be written. The first: “{failed[0].path}”: {failed[0].reason}.")
    linf, mae, mse, beyond = differences
    delivered = DeliveredImages(
        pixels=pixels, linf=linf, mae=mae, mse=mse, beyond=beyond, faint=faint, paths=tuple(paths)
    )
    return delivered, failed


def _invalid_encoding(result: SandboxResult, image: ImageRecord, size: int) -> str | None:
    """Why a result cannot be delivered, None if it can: a hijacked decoder may send anything."""
    if result.refused is not None:
        return result.refused
    if result.sha256 != image.sha256:
        return "its file changed while it was being protected"
    values = [*(result.values.get(key) for key in DIFFERENCES), result.values.get("noise", 0.0)]
    valid = all(type(value) is float and 0 <= value <= 255**2 for value in values)
    return None if valid and len(result.blobs) == 2 and len(result.blobs[1]) == size else "it crashed the encoder"


def _uploaded_pixels(image: ImageRecord, shape: tuple[int, ...], sandbox: DecoderSandbox) -> NDArray[np.uint8]:
    task = SandboxTask(op="pixels", file=image.disk_path, args={"size": shape[-1], "channels": shape[0]})
    [(_, result)] = sandbox.map([task])
    return pixels_of(result, 0, shape, image.path) if result.refused is None else np.zeros(shape, np.uint8)


def _copy_passthrough(dataset: ImageDataset, zip_writer: ZipWriter, progress: Progress) -> None:
    """Copy the files that are no images; one that has a reserved name gets another, and the manifest says so.

    Label files get the new names of the images that have one.
    """
    taken = {
        fold(name)
        for name in (
            *RESERVED, *(record["path"] for record in zip_writer.records), *(file.path for file in dataset.passthrough)
        )
    }  # fmt: skip
    reserved = {fold(name) for name in RESERVED}
    label_files = {file.path: file for file in dataset.label_files}
    delivered = {record["was"]: record["path"] for record in zip_writer.records if "was" in record}
    for file in dataset.passthrough:
        name = free_name(file.path, taken) if fold(file.path) in reserved else file.path
        taken.add(fold(name))
        labels = label_files.get(file.path)
        renamed = None if labels is None else rename_images(labels, delivered)
        if renamed is not None:
            progress.tick()
            zip_writer.add_label_file(name, renamed.content, upload_path=file.path, renamed=renamed.changed)
            continue
        zip_writer.copy(name, file.disk_path, upload_path=file.path, tick=progress.tick)
