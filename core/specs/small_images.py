"""Which datasets hold small images, and which hold photographs. Imports no torch."""

from collections.abc import Sequence
from statistics import median

MAX_SMALL_EDGE = 64
"""Median shorter edge in pixels up to which images count as small. They have no target of visibility, and learners see
them at the size of the noise."""


def are_photographs(edges: Sequence[tuple[int, int]]) -> bool:
    """Whether the images of a dataset are photographs: larger than what small learners were made for.

    Args:
        edges: Width and height of each image, in pixels; at least one image.
    """
    return median(min(edge) for edge in edges) > MAX_SMALL_EDGE
