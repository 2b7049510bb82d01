"""The paper's learners with narrow layers, for CPUs: the same depth and blocks, fewer channels.

A narrow network learns less than its original, so what it shows is whether noise carries over to other kinds of
network, not the accuracy of the original.
"""

from typing import Any

from torch import nn
from torchvision import models
from torchvision.models import vgg

from core.models.stem import is_small, stem
from core.models.wideresnet import WideResNet

SHARE = 8  # of the original's channels, one in so many are left
GROWTH = 8  # of DenseNet, whose original has 32


def narrow_vgg16(*, channels: int, size: int, classes: int) -> nn.Module:
    """VGG-16 with batch norm and an eighth of its channels; 8 to 64."""
    layers = vgg.make_layers([w if w == "M" else w // SHARE for w in vgg.cfgs["D"]], batch_norm=True)
    layers[0] = nn.Conv2d(channels, 64 // SHARE, 3, padding=1)
    return nn.Sequential(layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512 // SHARE, classes))


class _NarrowResNet(models.ResNet):  # type: ignore[misc]
    """torchvision's ResNet with every stage an eighth as wide."""

    def _make_layer(self, block: Any, planes: int, *args: Any, **settings: Any) -> nn.Sequential:
        if planes == 64:  # the first stage follows the stem
            self.inplanes = 64 // SHARE
        return super()._make_layer(block, planes // SHARE, *args, **settings)


def narrow_resnet50(*, channels: int, size: int, classes: int) -> nn.Module:
    """ResNet-50 with an eighth of its channels, 32 to 256 between blocks; the stem as for ResNet-18."""
    network = _NarrowResNet(models.resnet.Bottleneck, [3, 4, 6, 3])
    network.conv1, network.bn1 = stem(channels, 64 // SHARE, size=size), nn.BatchNorm2d(64 // SHARE)
    if is_small(size):
        network.maxpool = nn.Identity()
    network.fc = nn.Linear(2048 // SHARE, classes)
    return network


def narrow_densenet121(*, channels: int, size: int, classes: int) -> nn.Module:
    """DenseNet-121 with growth 8, a quarter of the original's; the stem as there."""
    network = models.DenseNet(GROWTH, (6, 12, 24, 16), num_init_features=2 * GROWTH, num_classes=classes)
    features = network.features
    features.conv0 = stem(channels, 2 * GROWTH, size=size)
    if is_small(size):
        features.norm0, features.relu0, features.pool0 = nn.Identity(), nn.Identity(), nn.Identity()
    return network


def narrow_wideresnet34(*, channels: int, size: int, classes: int) -> nn.Module:
    """WideResNet-34-1: 16 to 64 channels instead of 160 to 640."""
    return WideResNet(channels=channels, size=size, classes=classes, widen=1)
