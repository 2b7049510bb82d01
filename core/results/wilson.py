"""The confidence interval of an accuracy. Imports no torch."""

import math

from core.results.difference import Interval

Z95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def wilson_interval(correct: int, n: int) -> Interval:
    """The Wilson score interval at 95 % of a share (Wilson 1927).

    It stays inside 0 to 1, and it has a width at 0 and at n of n, which p ± 1.96 s does not.

    Args:
        correct: How many were correct.
        n: How many were tested. Without any the interval is (0, 1).

    Raises:
        ValueError: Unless 0 <= correct <= n.
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
