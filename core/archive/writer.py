"""Write the protected archive: the upload's folders with noise in the images, and files that say how it was made.

The archive is written under a temporary name and renamed at the end, so an incomplete one is never at its place. The
same input gives the same bytes.
"""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.archive.delivered_images import DeliveredImages
from core.archive.noise_source import NoiseSource
from core.archive.passthrough import copy_passthrough
from core.archive.write_images import ArchiveSettings, plan_images, write_images
from core.archive.zip_writer import ZipWriter
from core.imaging.sandbox import DecoderSandbox, sandbox_or_new
from core.ingest.dataset import ImageDataset
from core.limits import RenamedFile, SkippedFile
from core.runtime.atomic_files import atomic_file
from core.runtime.progress import Progress


@dataclass(kw_only=True)
class ArchiveWriter:
    """An archive that is being written.

    Attributes:
        delivered: The images as they were written.
        skipped: Files of the upload that are not in the archive as images.
        renamed: Files and folders that had another path in the upload.
        manifest_extra: Further entries of MANIFEST.json: how the archive was made.
    """

    delivered: DeliveredImages
    skipped: list[SkippedFile]
    renamed: tuple[RenamedFile, ...] = ()
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
        """MANIFEST.json: `manifest_extra`, all files with size and SHA-256, and those that were skipped or renamed."""
        skipped = [{"path": file.path, "reason": file.reason} for file in self.skipped]
        renamed = [asdict(file) for file in self.renamed]
        return self.manifest_extra | {"files": self._zip.records, "skipped": skipped, "renamed": renamed}


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
        copy_passthrough(dataset, zip_writer, progress)
        skipped = sorted([*dataset.skipped, *failed], key=lambda file: file.path)
        writer = ArchiveWriter(delivered=delivered, skipped=skipped, renamed=dataset.renamed, _zip=zip_writer)
        yield writer
        text = json.dumps(writer.manifest(), indent=1, ensure_ascii=False)
        zip_writer.add_unrecorded("MANIFEST.json", text.encode())
