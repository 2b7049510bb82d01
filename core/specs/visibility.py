"""How visible the noise on photographs may be: a target for each image. Imports no torch."""

from dataclasses import dataclass

from core.specs.small_images import MAX_SMALL_EDGE


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
    """Why images of up to MAX_SMALL_EDGE get no textures, to follow "the method texture "."""
    return (
        f"needs images larger than {MAX_SMALL_EDGE} x {MAX_SMALL_EDGE} pixels: most of these are smaller. Leave "
        "the method out, and the best one for these images is used"
    )
