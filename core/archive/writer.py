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

from core.archive.delivered_images import DeliveredImages
from core.archive.member_names import RESERVED, free_name
from core.archive.noise_source import NoiseSource
from core.archive.write_images import ArchiveSettings, plan_images, write_images
from core.archive.zip_writer import ZipWriter
from core.filenames import fold
from core.imaging.sandbox import DecoderSandbox, sandbox_or_new
from core.ingest.dataset import ImageDataset
from core.ingest.labels.rename import rename_images
from core.limits import SkippedFile
from core.runtime.atomic_files import atomic_file
from core.runtime.progress import Progress


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
    plan = plan_images(dataset, noise, settings)
    with atomic_file(out) as part, zipfile.ZipFile(part, "w", strict_timestamps=True) as archive:
        zip_writer = ZipWriter(archive)
        with sandbox_or_new(sandbox, dataset.limits) as sandbox:
            delivered, failed = write_images(plan, zip_writer, sandbox, progress)
        _copy_passthrough(dataset, zip_writer, progress)
        skipped = sorted([*dataset.skipped, *failed], key=lambda file: file.path)
        writer = ArchiveWriter(delivered=delivered, skipped=skipped, _zip=zip_writer)
        yield writer
        text = json.dumps(writer.manifest(), indent=1, ensure_ascii=False)
        zip_writer.add_unrecorded("MANIFEST.json", text.encode())


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
