"""Two learners compared on the same test images, image by image: the answers of one are paired with those of the other.

A pair shares the image, its difficulty and the seed of the learners, so the difference is known far better than each
accuracy: two intervals that overlap leave most true falls of 10 points on 200 images unseen.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, ttest_1samp

from core.results.difference import PairedDifference

CONFIDENCE = 0.95


def paired_difference(before: Sequence[str], after: Sequence[str]) -> PairedDifference | None:
    """The change of accuracy from `before` to `after`, with its 95 % interval.

    One run of each: the interval of the exact McNemar test (McNemar, Psychometrika 1947). Given that the learners
    disagree about m images, the number that only the one after recognizes is binomial; its Clopper-Pearson interval
    is carried over to the difference. So the interval leaves out 0 exactly where the test is significant at 5 %.
    Several runs: Student's t interval of the images' mean differences.

    Args:
        before: Of each run on the originals, one character for each of the same n test images, "1" where it is
            recognized; see `Curve.correct`.
        after: The same on the protected images.

    Returns:
        None if a run's answers are unknown, as those of older versions are, or if there is no test image.

    Raises:
        ValueError: The runs were tested on different numbers of images.
    """
    if not before or not after or not all((*before, *after)):
        return None
    first, second = _correct(before), _correct(after)
    differences = second.mean(0) - first.mean(0)
    lost, gained = (float(np.maximum(sign * differences, 0).mean()) for sign in (-1, 1))
    exact = len(before) == len(after) == 1
    interval = _exact_interval(differences) if exact else _t_interval(differences)
    return PairedDifference(change=float(differences.mean()), ci95=interval, lost=lost, gained=gained)


def _correct(runs: Sequence[str]) -> NDArray[np.float64]:
    """Which images each run recognizes, float64 (runs, n)."""
    return np.array([[character == "1" for character in run] for run in runs], np.float64)


def _exact_interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    disagreements, gained = int(np.count_nonzero(differences)), int((differences > 0).sum())
    if disagreements == 0:
        return (0.0, 0.0)
    shares = binomtest(gained, disagreements).proportion_ci(CONFIDENCE, method="exact")
    scale = disagreements / len(differences)
    return (float(2 * shares.low - 1) * scale, float(2 * shares.high - 1) * scale)


def _t_interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    if len(differences) < 2:
        return (-1.0, 1.0)
    if np.ptp(differences) == 0:  # t has no width here, and SciPy warns
        return (float(differences[0]), float(differences[0]))
    low, high = ttest_1samp(differences, 0.0).confidence_interval(CONFIDENCE)
    return (max(-1.0, float(low)), min(1.0, float(high)))
