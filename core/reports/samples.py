"""A few images for the page of a report, as uploaded and as delivered."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.archive.writer import ArchiveWriter
from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask
from core.ingest.dataset import ImageDataset
from core.reports.protection_html import MAX_SAMPLES, MAX_SIDE, Sample


def take_samples(dataset: ImageDataset, archive: ArchiveWriter, scratch: Path, sandbox: DecoderSandbox) -> list[Sample]:
    """Up to MAX_SAMPLES images that changed, one of each class in turn.

    Args:
        dataset: The upload.
        archive: What is delivered; both versions are decoded from their encoded bytes.
        scratch: Folder for temporary files.
        sandbox: Decodes the images.
    """
    samples = []
    for i in _one_class_in_turn(dataset, archive):
        image, delivered = dataset.images[i], archive.delivered.paths[i]
        with tempfile.NamedTemporaryFile(dir=scratch) as copy:
            copy.write(archive.read(str(delivered)))
            copy.flush()
            args = {"edge": MAX_SIDE, "mode": image.mode}
            tasks = [SandboxTask(op="view", file=file, args=args) for file in (image.disk_path, Path(copy.name))]
            before, after = (answer for _, answer in sandbox.map(tasks))
        if before.refused is None and after.refused is None:
            samples.append(Sample(path=image.path, original=_pixels(before), protected=_pixels(after)))
    return samples


def _one_class_in_turn(dataset: ImageDataset, archive: ArchiveWriter) -> list[int]:
    """Indices of changed images: the first of each class, then the second of each class, and so on."""
    delivered = archive.delivered
    seen = dict.fromkeys(range(len(dataset.classes)), 0)
    ranked = []
    for i, image in enumerate(dataset.images):
        if delivered.paths[i] is not None and delivered.linf[i] > 0:
            ranked.append((seen[image.label], image.label, i))
            seen[image.label] += 1
    return [i for _, _, i in sorted(ranked)[:MAX_SAMPLES]]


def _pixels(answer: SandboxResult) -> NDArray[np.uint8]:
    height, width, channels = (answer.values[key] for key in ("height", "width", "channels"))
    return np.frombuffer(answer.blobs[0], np.uint8).reshape(height, width, channels)
