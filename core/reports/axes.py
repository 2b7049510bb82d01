"""The geometry that all line charts share: axes, ticks, polylines, and labels that do not overlap.

The unit of a position is the drawing's own: a page of a report counts in per cent of the plot, a figure of an
experiment in pixels.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ROUND_STEPS = (1, 2, 4, 6, 8, 10)  # their quarters are round as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A value of an axis and its position."""

    value: float
    position: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A linear axis.

    Attributes:
        low: The value at `start`.
        high: The value at `end`; larger values are drawn there as well.
        start: Position of the lower end.
        end: Position of the upper end.
    """

    low: float
    high: float
    start: float
    end: float

    def position(self, value: float) -> float:
        """Where a value is drawn; in the middle when the axis has a single value."""
        share = (min(value, self.high) - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + (self.end - self.start) * share

    def ticks(self, steps: int) -> tuple[Tick, ...]:
        """Both ends and what divides the axis into equal `steps`."""
        values = (self.low + (self.high - self.low) * step / steps for step in range(steps + 1))
        return tuple(Tick(value=value, position=self.position(value)) for value in values)


def polyline(points: Iterable[tuple[float, float]], x: Axis, y: Axis, *, digits: int) -> str:
    """The `points` attribute of an SVG polyline.

    Args:
        points: Pairs of an x value and a y value.
        x: The horizontal axis.
        y: The vertical axis.
        digits: Decimals of each position.
    """
    return " ".join(f"{x.position(a):.{digits}f},{y.position(b):.{digits}f}" for a, b in points)


def spread_labels(positions: Mapping[str, float], *, distance: float) -> dict[str, float]:
    """Move labels apart that would overlap, both by the same length.

    Args:
        positions: The position of each label's line, by name.
        distance: The smallest distance of two labels.

    Returns:
        The position of each label, by name.
    """
    names = sorted(positions, key=lambda name: positions[name])
    moved = [positions[name] for name in names]
    for _ in moved:
        for i in range(len(moved) - 1):
            push = max(0.0, (distance - (moved[i + 1] - moved[i])) / 2)
            moved[i], moved[i + 1] = moved[i] - push, moved[i + 1] + push
    return dict(zip(names, moved, strict=True))


def round_up(value: float) -> float:
    """The smallest round number that is not below a positive `value`."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in ROUND_STEPS if step * power >= value)
