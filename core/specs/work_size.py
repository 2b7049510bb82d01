"""At which size a dataset is worked on."""

from collections.abc import Sequence
from statistics import median

STEP, LEAST = 32, 32


def work_size(edges: Sequence[tuple[int, int]], *, largest: int) -> int:
    """The multiple of 32 px nearest to the median shorter edge of (width, height) pairs, from 32 to `largest`."""
    shorter = median(min(edge) for edge in edges)
    return max(LEAST, min(largest, round(shorter / STEP) * STEP))
