"""The learners of the paper with narrow layers, for CPUs: the same depth and blocks, but fewer channels.

A narrow network learns less than its original. It therefore shows whether noise carries over to other kinds of network,
but not the accuracy of the original.
"""

from typing import Any

from torch import nn
from torchvision import models
from torchvision.models import vgg

from core.models.stem import make_stem, uses_small_stem
from core.models.wideresnet import WideResNet

WIDTH_DIVISOR = 8  # a narrow VGG-16 or ResNet-50 has the original's channels divided by this
DENSENET_GROWTH = 8  # the original has 32


def narrow_vgg16(*, channels: int, size: int, classes: int) -> nn.Module:
    """VGG-16 with batch norm and an eighth of its channels: 8 to 64.

    For the parameters see `core.models.registry.Architecture`.
    """
    layers = vgg.make_layers([w if w == "M" else w // WIDTH_DIVISOR for w in vgg.cfgs["D"]], batch_norm=True)
    layers[0] = nn.Conv2d(channels, 64 // WIDTH_DIVISOR, 3, padding=1)
    return nn.Sequential(layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512 // WIDTH_DIVISOR, classes))


class _NarrowResNet(models.ResNet):  # type: ignore[misc]
    """torchvision's ResNet with an eighth of the channels in each stage."""

    def _make_layer(self, block: Any, planes: int, *args: Any, **settings: Any) -> nn.Sequential:
        if planes == 64:  # the first stage, which follows the stem
            self.inplanes = 64 // WIDTH_DIVISOR
        return super()._make_layer(block, planes // WIDTH_DIVISOR, *args, **settings)


def narrow_resnet50(*, channels: int, size: int, classes: int) -> nn.Module:
    """ResNet-50 with an eighth of its channels: 32 to 256 between blocks. The stem is as for ResNet-18.

    For the parameters see `core.models.registry.Architecture`.
    """
    network = _NarrowResNet(models.resnet.Bottleneck, [3, 4, 6, 3])
    network.conv1 = make_stem(channels, 64 // WIDTH_DIVISOR, size=size)
    network.bn1 = nn.BatchNorm2d(64 // WIDTH_DIVISOR)
    if uses_small_stem(size):
        network.maxpool = nn.Identity()
    network.fc = nn.Linear(2048 // WIDTH_DIVISOR, classes)
    return network


def narrow_densenet121(*, channels: int, size: int, classes: int) -> nn.Module:
    """DenseNet-121 with growth 8, a quarter of the original's; the stem is as in the original.

    For the parameters see `core.models.registry.Architecture`.
    """
    width = 2 * DENSENET_GROWTH
    network = models.DenseNet(DENSENET_GROWTH, (6, 12, 24, 16), num_init_features=width, num_classes=classes)
    features = network.features
    features.conv0 = make_stem(channels, width, size=size)
    if uses_small_stem(size):
        features.norm0, features.relu0, features.pool0 = nn.Identity(), nn.Identity(), nn.Identity()
    return network


def narrow_wideresnet34(*, channels: int, size: int, classes: int) -> nn.Module:
    """WideResNet-34-1, with 16 to 64 channels in place of 160 to 640.

    For the parameters see `core.models.registry.Architecture`.
    """
    return WideResNet(channels=channels, size=size, classes=classes, widen=1)
