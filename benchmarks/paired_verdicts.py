"""How often a true fall is shown, and a fall that is none: paired answers beside intervals that must not overlap.

    .venv/bin/python -m benchmarks.paired_verdicts

Draws pairs of learners by a model of their answers: each test image has a difficulty, which both learners share by
`CORRELATION`. No learner is trained.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from core.evaluation.paired_difference import paired_difference
from core.results.wilson import wilson_interval

PAIRS = 2000
CORRELATION = 0.6  # of the two learners' latent confidence in the right class of an image
CASES = ((200, 0.36, 0.22), (200, 0.36, 0.30), (1000, 0.36, 0.30), (200, 0.36, 0.36), (1000, 0.36, 0.36))


def main() -> None:
    print(f"{PAIRS} pairs for each line, correlation {CORRELATION}\n")
    print("| test images | before | after | shown by pairs | shown by intervals that do not overlap |")
    print("|---|---|---|---|---|")
    draw = np.random.default_rng(0)
    for images, before, after in CASES:
        pairs = [_answers(images, before, after, draw) for _ in range(PAIRS)]
        paired = np.mean([_shown_by_pairs(*pair) for pair in pairs])
        apart = np.mean([_shown_by_intervals(*pair) for pair in pairs])
        print(f"| {images} | {before:.0%} | {after:.0%} | {paired:.1%} | {apart:.1%} |")


def _answers(
    images: int, before: float, after: float, draw: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which images the learner before and the one after recognize, bool (images,) each."""
    shared, own = draw.standard_normal(images), draw.standard_normal((2, images))
    confidence = CORRELATION**0.5 * shared + (1 - CORRELATION) ** 0.5 * own
    return confidence[0] < norm.ppf(before), confidence[1] < norm.ppf(after)


def _shown_by_pairs(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> bool:
    digits = ["".join("1" if one else "0" for one in arm) for arm in (before, after)]
    found = paired_difference(digits[:1], digits[1:])
    return found is not None and (found.is_lower or found.is_higher)


def _shown_by_intervals(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> bool:
    first, second = (wilson_interval(int(arm.sum()), len(arm)) for arm in (before, after))
    return second[1] < first[0] or second[0] > first[1]


if __name__ == "__main__":
    main()
