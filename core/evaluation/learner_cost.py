"""What a learner costs on the machine at hand, found by timing its first updates."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from core.evaluation.learner_run import LearnerConfig, ScaledProgress, run_learner
from core.runtime.awake_clock import awake_seconds
from core.runtime.checkpoints import NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.side_by_side import SideBySide
from core.training.labelled_images import LabelledArrays
from core.training.learner import MAX_CURVE_POINTS

MAX_TIMED_UPDATES = 8
TIMED_SECONDS = 1.0  # timed updates last about this long, unless one takes longer
SLOW_SECONDS = 4.0  # an update that takes longer is timed once, with a few test images, which is a little too long
FEW_TEST_IMAGES = 8
MANY_TEST_IMAGES = 136


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerCost:
    """What one learner costs, in seconds.

    Attributes:
        update: One update of the weights.
        test_image: One test image at one point of the curve.
        train_image: What is done to each training image once, such as a countermeasure.
    """

    update: float
    test_image: float
    train_image: float

    def seconds(self, updates: int, *, train_images: int, test_images: int) -> float:
        """How long one learner takes.

        Args:
            updates: Updates of the weights.
            train_images: Training images.
            test_images: Test images at each point of the curve.
        """
        points = min(updates, MAX_CURVE_POINTS)
        return updates * self.update + points * test_images * self.test_image + train_images * self.train_image


def measure_cost(
    config: LearnerConfig, images: LabelledArrays, test: LabelledArrays, run: RunContext, *, at_once: int = 1
) -> LearnerCost:
    """Time a few updates and tests of a learner that is thrown away. It draws no random number of the real one.

    Args:
        config: How the real learner is trained.
        images: Its training images.
        test: Its test images.
        run: The device; its progress ticks, and its checkpoints stay as they are.
        at_once: How many such learners will be trained side by side; each counts with its share of their time.
    """
    batch = min(config.schedule.length.batch, len(images))
    images = images.select(_every_class_first(images)[:batch])
    few, many = (
        test.select(np.arange(min(FEW_TEST_IMAGES, len(test)))),
        test.select(np.arange(len(test))[:MANY_TEST_IMAGES]),
    )
    quiet = run.with_checkpoints(NullCheckpointStore()).with_progress(ScaledProgress(run.progress, 0))

    def seconds(updates: int, test: LabelledArrays) -> float:
        learner = partial(run_learner, replace(config, updates=updates), images, test, quiet)
        began = awake_seconds()
        SideBySide().run([learner] * at_once)
        return (awake_seconds() - began) / at_once

    seconds(1, few)  # the first update on a device compiles and allocates
    once = seconds(1, few)
    if once > SLOW_SECONDS:  # more timing would use up the time that it is to divide
        return LearnerCost(update=once, test_image=0.0, train_image=0.0)
    more = max(1, min(MAX_TIMED_UPDATES, round(TIMED_SECONDS / once)))
    update = max(0.0, seconds(1 + more, few) - once) / more or once
    tested = len(many) - len(few)
    test_image = max(0.0, seconds(1, many) - once) / tested if tested else 0.0
    return LearnerCost(update=update, test_image=test_image, train_image=max(0.0, once - update) / batch)


def _every_class_first(images: LabelledArrays) -> np.ndarray:
    """Indices of the images, the first of every class before the second of any."""
    order = np.argsort(images.labels, kind="stable")
    sorted_labels = images.labels[order]
    starts = np.searchsorted(sorted_labels, sorted_labels, side="left")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - starts
    return np.argsort(rank, kind="stable")
