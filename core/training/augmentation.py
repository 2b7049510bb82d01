"""What may happen to a batch during training: the seam between a learner and its augmentations."""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from core.models.folded import FoldedModel
from core.runtime.device import Device
from core.runtime.progress import Progress

ROWS = 256


class Learner:
    """What an augmentation may ask of the model that is being trained; `frozen` is its frozen copy."""

    def __init__(self, frozen: FoldedModel, device: Device, *, classes: int, progress: Progress) -> None:
        self.classes = classes
        self._frozen, self._device, self._progress = frozen, device, progress

    def losses(self, x: Tensor, y: Tensor) -> Tensor:
        """The model's present cross-entropy (n,) on each of n images, for labels (n,) or probabilities (n, classes).

        Batch norm uses its running statistics here, as it does for an attacker.
        """
        network = self._frozen.refresh()

        @torch.no_grad()
        def of_part(x: Tensor, y: Tensor) -> Tensor:
            self._progress.tick()
            return F.cross_entropy(network(x), y, reduction="none")

        return torch.cat(self._device.side_by_side(of_part, list(zip(x.split(ROWS), y.split(ROWS), strict=True))))


class Augmentation(Protocol):
    """Changes a batch before the adversary and the update see it.

    Images float (n, c, h, w) in [0, 1] and labels int64 (n,) become images of the same shape and range, and labels
    (n,) or class probabilities float (n, classes). All randomness comes from `generator`.
    """

    def __call__(
        self, x: Tensor, y: Tensor, *, learner: Learner, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]: ...
