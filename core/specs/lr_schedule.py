"""The schedule of a learning rate."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRate:
    """A step decay, as in the paper, or one cycle: a linear warm-up, then a cosine to zero.

    Attributes:
        peak: The largest rate.
        decay_every: Updates after which the rate falls to a tenth, again and again; 0 means one cycle, whose warm-up
            takes the first tenth of the updates.
    """

    peak: float
    decay_every: int = 0

    def at(self, step: int, *, steps: int) -> float:
        """The rate of one update.

        Args:
            step: Number of the update, from 0.
            steps: Number of all updates.
        """
        if self.decay_every:
            return self.peak * 0.1 ** (step // self.decay_every)
        warm_up = max(1, steps // 10)
        if step < warm_up:
            return self.peak * (step + 1) / warm_up
        return self.peak * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))
