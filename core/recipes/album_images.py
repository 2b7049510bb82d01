"""The images of an album's evidence: the album as one class among others, which nobody protected."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.evaluation.evaluation_data import EvaluationData, PixelLoader
from core.evaluation.learner_run import ScaledProgress
from core.evaluation.other_classes import OtherClasses, choose_other_classes
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import open_dataset
from core.recipes.options import ReferenceSource
from core.recipes.protection_data import ProtectionData
from core.results.joined_classes import JoinedClasses
from core.runtime.progress import Progress


def open_other_classes(
    reference: ReferenceSource, data: ProtectionData, *, scratch: Path, progress: Progress, sandbox: DecoderSandbox
) -> OtherClasses:
    """Read the other classes.

    Args:
        reference: Where they lie.
        data: The album.
        scratch: A folder for temporary files.
        progress: Is told that the work is alive, and may stop it.
        sandbox: Decodes the images.

    Raises:
        BadInput: They cannot be used.
    """
    folder = scratch / "other-classes"
    folder.mkdir(exist_ok=True)
    quiet = ScaledProgress(progress, 0)  # reading is no unit of the evidence
    opened = open_dataset(reference.fetch(), folder, limits=data.dataset.limits, progress=quiet, sandbox=sandbox)
    train = int((~data.test_mask).sum())
    return choose_other_classes(opened, data.dataset, most=train, seed=data.setup.spec.seed)


def album_sample(data: ProtectionData, others: OtherClasses, *, max_test: int) -> NDArray[np.int64]:
    """Indices of the album's images to use, in ascending order: no more to train on than of the largest other class.

    Args:
        data: The album.
        others: The other classes.
        max_test: Test images, at most.
    """
    rng = np.random.default_rng(data.setup.spec.seed)
    train, test = np.flatnonzero(~data.test_mask), np.flatnonzero(data.test_mask)
    chosen = (rng.permutation(train)[: others.largest], rng.permutation(test)[:max_test])
    return np.sort(np.concatenate(chosen))


def album_evaluation_data(
    load: PixelLoader, test_mask: NDArray[np.bool_], others: OtherClasses, *, origin: str, size: int, photographs: bool
) -> EvaluationData:
    """The album as class 0 beside the other classes.

    Args:
        load: Decodes the album's images and then the others, as uploaded and as delivered.
        test_mask: Which of the album's images are tested on, bool (n,).
        others: The other classes.
        origin: Where they come from.
        size: Side in pixels of the report's images.
        photographs: Whether learners see the images at other sizes too.
    """
    clean, delivered = load(size)
    labels = np.concatenate([np.zeros(len(test_mask), np.int64), others.labels + 1])
    count = len(others.labels)
    return EvaluationData(
        clean=clean,
        delivered=delivered,
        labels=labels,
        test_mask=np.concatenate([test_mask, np.zeros(count, bool)]),
        classes=len(others.dataset.classes) + 1,
        note=None,
        joined=JoinedClasses(origin=origin, classes=len(others.dataset.classes), images=count),
        load_photographs=load if photographs else None,
    )
