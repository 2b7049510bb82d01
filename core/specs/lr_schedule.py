"""How a learning rate falls while a network is trained."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRate:
    """`peak`, then a tenth of it every `decay_every` steps (the paper's schedule), or, with 0, a one-cycle cosine.

    The cycle warms up linearly over the first tenth of the steps and ends at zero.
    """

    peak: float
    decay_every: int = 0

    def at(self, step: int, *, steps: int) -> float:
        """The rate of update `step` (from 0) of `steps`."""
        if self.decay_every:
            return self.peak * 0.1 ** (step // self.decay_every)
        warm = max(1, steps // 10)
        if step < warm:
            return self.peak * (step + 1) / warm
        return self.peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
