"""Networks and batches for tests of what is common to all architectures."""

import torch
from torch import Tensor, nn

from core.models.efficientnet_lite import BATCH_NORM_MOMENTUM, EfficientNetLite0
from core.models.registry import build_network

CLASSES = 5


def network(architecture: str = "small", *, size: int = 32) -> nn.Module:
    """A network for colour images and CLASSES classes."""
    return build_network(architecture, channels=3, size=size, classes=CLASSES, seed=0, device="cpu")


def batch_for(architecture: str, count: int) -> Tensor:
    """`count` images for `network` at 32 px; at 16 px if the network can take that, which is four times as fast."""
    side = 32 if architecture.startswith("vgg16") else 16
    return torch.rand(count, 3, side, side)


def random_efficientnet(images: Tensor) -> EfficientNetLite0:
    """An EfficientNet-Lite0 with random weights, whose batch norms have the statistics of some images, in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = EfficientNetLite0(classes=4)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
    with torch.no_grad():
        model.train()(images)
    model.set_norm_momentum(BATCH_NORM_MOMENTUM)
    return model.eval()
