"""How much of each row of the evidence was measured, so that it ended within its time. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPlan:
    """How long the two learners of one row are trained, both alike.

    Attributes:
        name: The row's training, such as "standard training".
        updates: Updates of the weights.
        full_updates: Updates without a limit of time.
        train_images: Training images.
        runs: How often each of the two is trained, with other random numbers.
        full_runs: The same without a limit of time.
    """

    name: str
    updates: int
    full_updates: int
    train_images: int
    runs: int = 1
    full_runs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePlan:
    """The numbers that follow from the time that the evidence may take on one machine.

    Attributes:
        seconds: The time that the evidence may take.
        rows: The plan of each measured row.
        left_out: The rows for which there was no time, by name.
        full_train_images: Training images without a limit of time.
        full_test_images: Test images without a limit of time.
    """

    seconds: float
    rows: tuple[RowPlan, ...]
    left_out: tuple[str, ...]
    full_train_images: int
    full_test_images: int

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "EvidencePlan":
        """A plan from its JSON.

        Args:
            data: The fields by name.

        Raises:
            KeyError: A key is missing.
            TypeError: For other keys.
        """
        rows = tuple(RowPlan(**row) for row in data["rows"])
        return cls(**{**data, "rows": rows, "left_out": tuple(data["left_out"])})
