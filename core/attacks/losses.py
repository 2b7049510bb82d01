"""Losses that attacks and noise take of a frozen network, as functions of the images alone."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

Network = Callable[[Tensor], Tensor]
"""Images (n, c, h, w) in [0, 1] to logits (n, classes)."""
PixelLoss = Callable[[Tensor], Tensor]
"""Images (n, c, h, w) in [0, 1] to a scalar."""


def cross_entropy_sum(network: Network, labels: Tensor) -> PixelLoss:
    """The cross-entropy of `network` at `labels`, summed over the images.

    Args:
        network: Maps images to logits; its weights stay fixed.
        labels: int64 (n,), or class probabilities (n, classes).
    """
    return lambda x: F.cross_entropy(network(x), labels, reduction="sum")


def targeted_cross_entropy_sum(network: Network, labels: Tensor) -> PixelLoss:
    """The cross-entropy of `network` at g(y) = y + 1 modulo the number of classes, summed over the images.

    Args:
        network: Maps images to logits; its weights stay fixed.
        labels: The true labels y, int64 (n,).

    Source: targeted adversarial poisoning, Fowl et al. 2021b; Fu et al. 2022, A.3.2.
    """

    def loss(x: Tensor) -> Tensor:
        logits = network(x)
        return F.cross_entropy(logits, (labels + 1) % logits.shape[1], reduction="sum")

    return loss
