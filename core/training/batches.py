"""The order of images in training: shuffled passes, in which each image occurs once."""

import torch
from torch import Tensor


class Batches:
    """An endless iterator over batches of indices.

    A batch is int64 (b,), b = min(batch, n). If fewer than b images remain in a pass, they are skipped and the next
    pass begins.
    """

    def __init__(self, n: int, batch: int, *, generator: torch.Generator) -> None:
        """Start before the first pass.

        Args:
            n: The number of images.
            batch: The images in a batch, at most.
            generator: The source of the order; the indices are on its device.
        """
        self._n, self._batch, self._generator = n, min(batch, n), generator
        self._order = torch.empty(0, dtype=torch.int64, device=generator.device)

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Tensor:
        if len(self._order) < self._batch:
            self._order = torch.randperm(self._n, generator=self._generator, device=self._generator.device)
        batch, self._order = self._order[: self._batch], self._order[self._batch :]
        return batch

    def state(self) -> dict[str, Tensor]:
        """The rest of the current pass, for `restore`."""
        return {"order": self._order}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue the pass in which `state` was taken."""
        self._order = state["order"].to(self._generator.device)
