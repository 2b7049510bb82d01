"""DenseNet-121 (Huang et al. 2017), torchvision's: growth 32, bottlenecks, compression 0.5."""

from torch import nn
from torchvision import models

from core.models.stem import make_stem, uses_small_stem


def densenet121(*, channels: int, size: int, classes: int) -> nn.Module:
    """DenseNet-121; up to 64 px a 3x3 stride-1 convolution leads into the first block, as is usual for CIFAR-10.

    For the parameters see `core.models.registry.Architecture`.
    """
    network = models.densenet121(weights=None, num_classes=classes)
    features = network.features
    if uses_small_stem(size) or channels != 3:
        features.conv0 = make_stem(channels, 64, size=size)
    if uses_small_stem(size):
        features.norm0, features.relu0, features.pool0 = nn.Identity(), nn.Identity(), nn.Identity()
    return network
