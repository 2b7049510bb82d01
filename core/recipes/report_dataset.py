"""The parts that the reports of all recipes have in common: the dataset, and the time."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.ingest.dataset import ImageDataset
from core.ingest.layout_reading import LayoutReading
from core.limits import SkippedFile
from core.results.protection import ClassCount, ReportDataset


def labels_of(dataset: ImageDataset) -> NDArray[np.int64]:
    """The class of each image, int64 (n,)."""
    return np.array([image.label for image in dataset.images], dtype=np.int64)


def describe_dataset(dataset: ImageDataset, skipped: Sequence[SkippedFile]) -> ReportDataset:
    """The dataset as a report names it.

    Args:
        dataset: The images of the recipe.
        skipped: The files that were left out, with the reasons.
    """
    counts = np.bincount(labels_of(dataset), minlength=len(dataset.classes))
    return ReportDataset(
        name=dataset.name,
        images=len(dataset.images),
        classes=tuple(ClassCount(name, int(count)) for name, count in zip(dataset.classes, counts, strict=True)),
        skipped=tuple(skipped),
        passed_through=tuple({"path": file.path, "kind": file.kind} for file in dataset.passthrough),
        renamed=dataset.renamed,
        layout=describe_layout(dataset.layout),
    )


def describe_layout(layout: LayoutReading) -> dict[str, Any]:
    """How the images were sorted into classes, as JSON takes it.

    Args:
        layout: What was understood of the upload.
    """
    return {
        "kind": layout.kind,
        "reason": layout.reason,
        "notes": list(layout.notes),
        "problems": [asdict(problem) for problem in layout.problems],
        "questions": [asdict(question) for question in layout.questions],
    }


def utc_timestamp() -> str:
    """The present time in UTC, to the second (RFC 3339)."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
