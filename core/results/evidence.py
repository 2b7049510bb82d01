"""What a before/after measurement says: frozen values, no torch, with the intervals that keep them honest."""

import math
from dataclasses import dataclass

Interval = tuple[float, float]
"""Lower and upper end of a 95 % interval, as fractions 0 to 1."""

Z95 = 1.959963984540054


def wilson(correct: int, n: int) -> Interval:
    """The Wilson score interval at 95 % for `correct` of `n` (Wilson 1927); (0, 1) where nothing was counted.

    Unlike p +- 1.96 s it stays inside 0 to 1 and does not collapse to a point at 0 or n of n.
    Raises ValueError unless 0 <= correct <= n.
    """
    if not 0 <= correct <= n:
        raise ValueError(f"correct must be 0 to n, not {correct} of {n}")
    if n == 0:
        return (0.0, 1.0)
    share, z2 = correct / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low = 0.0 if correct == 0 else centre - half
    high = 1.0 if correct == n else centre + half
    return (low, high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One training run, epoch by epoch: accuracy on the clean test images (fractions) and training loss."""

    epoch: tuple[int, ...]
    accuracy: tuple[float, ...]
    loss: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """The same learner trained on clean (before) and on delivered (after) bytes, tested on clean held-out images.

    Accuracies are fractions 0 to 1; `radius` is the adversarial training's, of 255 in every norm (0 for standard
    training).
    """

    training: str  # "standard" or "adversarial"
    norm: str | None  # "Linf", "L2" or "L1"; None for standard training
    radius: int
    countermeasure: str | None  # what the learner does to the images first, such as "jpeg-75"
    architecture: str
    protected_percentage: int
    accuracy_before: float
    accuracy_after: float
    peak_before: float
    peak_after: float
    ci95_before: Interval
    ci95_after: Interval
    curves: dict[str, Curve]  # "before" and "after"

    @property
    def is_significantly_lower(self) -> bool:
        """Whether the interval after lies below the interval before; only then is protection shown."""
        return self.ci95_after[1] < self.ci95_before[0]

    @property
    def is_significantly_higher(self) -> bool:
        """Whether the interval after lies above the interval before."""
        return self.ci95_after[0] > self.ci95_before[1]

    @property
    def name(self) -> str:
        """The training in words, such as 'adversarial training, Linf radius 4/255, after jpeg-75'."""
        return training_name(self.norm, self.radius, self.countermeasure)


def training_name(norm: str | None, radius: int, countermeasure: str | None) -> str:
    """A training in words; a radius of 0 is standard training."""
    words = f"adversarial training, {norm or 'Linf'} radius {radius}/255" if radius else "standard training"
    return words if countermeasure is None else f"{words}, after {countermeasure}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All rows of one job; no rows and a `note` where there is nothing honest to say in numbers."""

    learner: str
    image_size: int  # side in pixels of what the learner saw
    train_images: int
    test_images: int
    chance: float  # accuracy of always naming the commonest class of the test images
    rows: tuple[EvidenceRow, ...]
    note: str | None = None
    seconds: float = 0.0
