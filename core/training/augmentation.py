"""The interface between a learner in training and the augmentations of its batches."""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from core.models.folded import FoldedModel
from core.runtime.device import Device
from core.runtime.progress import Progress

LOSS_BATCH = 256  # images in one forward pass


class LearnerView:
    """The model in training, as an augmentation sees it.

    Attributes:
        classes: The number of classes that the model distinguishes.
    """

    def __init__(self, folded: FoldedModel, device: Device, *, classes: int, progress: Progress) -> None:
        """Wrap a model.

        Args:
            folded: A copy of the model in eval mode, with its batch norms folded into its convolutions.
            device: Where the model is.
            classes: The number of classes that the model distinguishes.
            progress: Checks between forward passes whether the work should stop.
        """
        self.classes = classes
        self._folded, self._device, self._progress = folded, device, progress

    def losses(self, x: Tensor, y: Tensor) -> Tensor:
        """The current cross-entropy of the model on each image, with the running statistics of batch norm.

        Args:
            x: Images (n, c, h, w) in [0, 1].
            y: Labels int64 (n,), or class probabilities (n, classes).

        Returns:
            float (n,).
        """
        network = self._folded.refresh()

        @torch.no_grad()
        def losses_of(x: Tensor, y: Tensor) -> Tensor:
            self._progress.tick()
            return F.cross_entropy(network(x), y, reduction="none")

        chunks = list(zip(x.split(LOSS_BATCH), y.split(LOSS_BATCH), strict=True))
        return torch.cat(self._device.starmap(losses_of, chunks))


class Augmentation(Protocol):
    """Changes a batch before the adversary perturbs it and the learner is updated."""

    def __call__(
        self, x: Tensor, y: Tensor, *, learner: LearnerView, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the changed images and labels, and leave the arguments as they are.

        Args:
            x: Images float (n, c, h, w) in [0, 1].
            y: Labels int64 (n,).
            learner: The model in training.
            generator: The only source of randomness, on the device of `x`.

        Returns:
            Images of the same shape and range, and labels (n,) or class probabilities float (n, classes).
        """
        ...
