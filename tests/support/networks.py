"""Networks and batches for tests of what is common to all architectures."""

import torch
from torch import Tensor, nn

from core.models.registry import build_network

CLASSES = 5


def network(architecture: str = "small", *, size: int = 32) -> nn.Module:
    """A network for colour images and CLASSES classes."""
    return build_network(architecture, channels=3, size=size, classes=CLASSES, seed=0, device="cpu")


def batch_for(architecture: str, count: int) -> Tensor:
    """`count` images for `network` at 32 px; at 16 px if the network can take that, which is four times as fast."""
    side = 32 if architecture.startswith("vgg16") else 16
    return torch.rand(count, 3, side, side)
