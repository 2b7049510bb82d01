"""ResNet-18 and ResNet-50 (He et al. 2016), torchvision's."""

from torch import nn
from torchvision import models

from core.models.stem import make_stem, uses_small_stem


def resnet18(*, channels: int, size: int, classes: int) -> nn.Module:
    """ResNet-18; up to 64 px with a 3x3 stride-1 stem and no max-pool, as is usual for CIFAR-10.

    For the parameters see `core.models.registry.Architecture`.
    """
    return _adapted(models.resnet18(weights=None, num_classes=classes), channels=channels, size=size)


def resnet50(*, channels: int, size: int, classes: int) -> nn.Module:
    """ResNet-50 with the stride in the 3x3 convolution of a bottleneck; the stem as for ResNet-18.

    For the parameters see `core.models.registry.Architecture`.
    """
    return _adapted(models.resnet50(weights=None, num_classes=classes), channels=channels, size=size)


def _adapted(network: models.ResNet, *, channels: int, size: int) -> nn.Module:
    if uses_small_stem(size) or channels != 3:
        network.conv1 = make_stem(channels, 64, size=size)
    if uses_small_stem(size):
        network.maxpool = nn.Identity()
    return network
