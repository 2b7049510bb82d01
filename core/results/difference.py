"""The difference of two learners that were tested on the same images, with its interval. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Interval = tuple[float, float]
"""Lower and upper end of a 95 % interval, as fractions 0 to 1; of a difference -1 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """How much the accuracy changed, from the answers to each test image before and after.

    Attributes:
        change: Accuracy after minus accuracy before, as a fraction; negative where protection works.
        ci95: 95 % interval of the change over the choice of the test images.
        lost: Share of the test images that only the learner before recognizes, as a mean over the runs.
        gained: Share of the test images that only the learner after recognizes.
    """

    change: float
    ci95: Interval
    lost: float
    gained: float

    @property
    def is_lower(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.ci95[1] < 0

    @property
    def is_higher(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.ci95[0] > 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> "PairedDifference | None":
        """A difference from its JSON; None from None, as in reports of older versions.

        Args:
            data: The fields by name.

        Raises:
            KeyError: The interval is missing.
            TypeError: For other keys.
        """
        if data is None:
            return None
        low, high = data["ci95"]
        return cls(**{**data, "ci95": (low, high)})
