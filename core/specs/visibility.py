"""How visible the noise on photographs may be: a target for each image. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

SMALL_IMAGE_EDGE = 64
"""Images are photographs if their median shorter edge is longer, in pixels. Smaller ones have no target."""


@dataclass(frozen=True, slots=True)
class VisibilityTarget:
    """How visible the noise of each image may be.

    Attributes:
        name: As specs name it.
        flip: Largest FLIP of a delivered image against its upload, from 0, invisible, to 1 (`core.metrics.visibility`).
    """

    name: str
    flip: float


VISIBILITY_TARGETS = {
    target.name: target
    for target in (
        VisibilityTarget("subtle", 0.028),
        VisibilityTarget("balanced", 0.042),
        VisibilityTarget("strong", 0.07),
    )
}
"""The targets by name, from the least visible to the most."""

VISIBILITIES = tuple(VISIBILITY_TARGETS)
DEFAULT_VISIBILITY = "balanced"


def too_small_for_textures() -> str:
    """Why images of up to SMALL_IMAGE_EDGE get no textures, to follow "the method texture "."""
    return (
        f"needs images larger than {SMALL_IMAGE_EDGE} x {SMALL_IMAGE_EDGE} pixels: most of these are smaller. Leave "
        "the method out, and the best one for these images is used"
    )


def are_photographs(edges: Sequence[tuple[int, int]]) -> bool:
    """Whether the images of a dataset are photographs, whose noise meets a target of visibility.

    Args:
        edges: Width and height of each image, in pixels; at least one image.
    """
    return median(min(edge) for edge in edges) > SMALL_IMAGE_EDGE
