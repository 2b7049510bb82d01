"""What the learners of one training set reached, as the mean of their runs."""

from collections.abc import Sequence

import numpy as np

from core.results.evidence import Curve
from core.results.verification_row import Arm
from core.results.wilson import wilson_interval


def mean_arm(curves: Sequence[Curve], *, tested: int) -> Arm:
    """The mean of several runs, point by point.

    Args:
        curves: The curve of each run, at least one.
        tested: The number of test images.
    """
    runs = tuple(curve.accuracy[-1] for curve in curves)
    accuracy = float(np.mean(runs))
    return Arm(
        accuracy=accuracy,
        peak=float(np.mean([max(curve.accuracy) for curve in curves])),
        ci95=wilson_interval(round(accuracy * tested), tested),
        runs=runs,
        curve=Curve(
            epoch=curves[0].epoch,
            accuracy=tuple(np.mean([curve.accuracy for curve in curves], axis=0).tolist()),
            loss=tuple(np.mean([curve.loss for curve in curves], axis=0).tolist()),
            correct=curves[0].correct if len(curves) == 1 else "",
            correct_at_peak=curves[0].correct_at_peak if len(curves) == 1 else "",
        ),
    )
