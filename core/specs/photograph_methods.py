"""The methods for photographs: which one is the default, and how long patterns are trained. Imports no torch."""

from core.specs.configs import TrainingLength
from core.specs.protect import PAPER, PATTERN, PHOTOGRAPH_METHODS, TEXTURE, ProtectSpec

PATTERN_LENGTHS = {
    "quick": TrainingLength(epochs=14, min_updates=60, max_updates=600, batch=32),
    "standard": TrainingLength(epochs=40, min_updates=200, max_updates=3_000, batch=32),
}
"""Steps of the network and of the patterns of the method `pattern`, by preset. The others train nothing by it."""

TOO_FEW_CLASSES_FOR_PATTERNS = (
    "needs images of two classes or more, as nothing can be trained on one: leave the method out, or take texture"
)
"""To follow "the method pattern "."""


def default_photograph_method(preset: str, *, classes: int) -> str:
    """The method of a protection of photographs that names none.

    Args:
        preset: Its preset, not the one of the paper.
        classes: How many classes the photographs have.
    """
    return PATTERN if preset in PATTERN_LENGTHS and classes > 1 else TEXTURE


def has_photograph_method(spec: ProtectSpec, *, photographs: bool) -> bool:
    """Whether a protection without a trained generator has a method for photographs.

    Args:
        spec: What was requested.
        photographs: Whether the images are photographs (`core.specs.visibility`).
    """
    if spec.method is None:
        return photographs and spec.preset != PAPER
    return photographs and spec.method in PHOTOGRAPH_METHODS
