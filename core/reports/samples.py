"""A few pictures for the report's page: as uploaded and as delivered."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.archive.writer import ArchiveWriter
from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask
from core.ingest.dataset import ImageDataset
from core.reports.html import EDGE, MOST_SAMPLES, Sample


def take_samples(dataset: ImageDataset, archive: ArchiveWriter, scratch: Path, sandbox: DecoderSandbox) -> list[Sample]:
    """Up to MOST_SAMPLES pictures that changed, one a class in turn, both versions read from their encoded bytes."""
    samples = []
    for i in _spread(dataset, archive):
        picture, delivered = dataset.images[i], archive.delivered.paths[i]
        with tempfile.NamedTemporaryFile(dir=scratch) as copy:
            copy.write(archive.read(str(delivered)))
            copy.flush()
            args = {"edge": EDGE, "mode": picture.mode}
            tasks = [SandboxTask(op="view", file=file, args=args) for file in (picture.file, Path(copy.name))]
            before, after = (answer for _, answer in sandbox.map(tasks))
        if before.refused is None and after.refused is None:
            samples.append(Sample(path=picture.path, original=_shown(before), protected=_shown(after)))
    return samples


def _spread(dataset: ImageDataset, archive: ArchiveWriter) -> list[int]:
    """Numbers of changed pictures, the first of each class before the second of any."""
    delivered = archive.delivered
    seen = dict.fromkeys(range(len(dataset.classes)), 0)
    ranked = []
    for i, picture in enumerate(dataset.images):
        if delivered.paths[i] is not None and delivered.linf[i] > 0:
            ranked.append((seen[picture.label], picture.label, i))
            seen[picture.label] += 1
    return [i for _, _, i in sorted(ranked)[:MOST_SAMPLES]]


def _shown(answer: SandboxResult) -> NDArray[np.uint8]:
    height, width, channels = (answer.values[key] for key in ("height", "width", "channels"))
    return np.frombuffer(answer.blobs[0], np.uint8).reshape(height, width, channels)
