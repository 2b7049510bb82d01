"""Which images come next: shuffled passes over the data, each image once a pass."""

import torch
from torch import Tensor


class Batches:
    """An endless iterator over index batches, int64 (b,), b = min(batch, n); the short rest of a pass is reshuffled."""

    def __init__(self, n: int, batch: int, *, generator: torch.Generator) -> None:
        self._n, self._batch, self._generator = n, min(batch, n), generator
        self._order = torch.empty(0, dtype=torch.int64, device=generator.device)

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Tensor:
        if len(self._order) < self._batch:
            self._order = torch.randperm(self._n, generator=self._generator, device=self._generator.device)
        chosen, self._order = self._order[: self._batch], self._order[self._batch :]
        return chosen

    def state(self) -> dict[str, Tensor]:
        """What is left of this pass."""
        return {"order": self._order}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on within the pass that `state` was taken in."""
        self._order = state["order"].to(self._generator.device)
