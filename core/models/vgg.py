"""VGG-16 with batch norm (Simonyan & Zisserman 2014), from torchvision's layers."""

from collections import OrderedDict

from torch import nn
from torchvision.models import vgg

from core.models.stem import uses_small_stem


def vgg16(*, channels: int, size: int, classes: int) -> nn.Module:
    """VGG-16: up to 64 px with one linear layer behind a global mean, as is usual for CIFAR-10, else with three.

    The three layers have no dropout: it would draw from torch's global generator, and batch norm regularizes already.
    For the parameters see `core.models.registry.Architecture`.
    """
    if uses_small_stem(size):
        features = vgg.make_layers(vgg.cfgs["D"], batch_norm=True)
        head = [("pool", nn.AdaptiveAvgPool2d(1)), ("flat", nn.Flatten()), ("classifier", nn.Linear(512, classes))]
        network: nn.Module = nn.Sequential(OrderedDict([("features", features), *head]))
    else:
        network = vgg.vgg16_bn(weights=None, num_classes=classes, dropout=0.0)
    if channels != 3:
        network.get_submodule("features")[0] = nn.Conv2d(channels, 64, 3, padding=1)  # type: ignore[operator]
    return network
