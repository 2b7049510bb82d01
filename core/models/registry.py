"""Surrogates and learners: each maps images in [0, 1], (n, channels, size, size), to logits (n, classes)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.models.densenet import densenet121
from core.models.narrow import narrow_densenet121, narrow_resnet50, narrow_vgg16, narrow_wideresnet34
from core.models.resnet import resnet18, resnet50
from core.models.small import SmallResNet
from core.models.vgg import vgg16
from core.models.wideresnet import WideResNet

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "small": SmallResNet,
    "vgg16": vgg16,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "densenet121": densenet121,
    "wrn34-10": WideResNet,
    "vgg16-narrow": narrow_vgg16,
    "resnet50-narrow": narrow_resnet50,
    "densenet121-narrow": narrow_densenet121,
    "wrn34-1": narrow_wideresnet34,
}


class Centred(nn.Module):
    """A network behind the paper's rescaling to [-0.5, 0.5] (A.2), so that everything outside sees pixels in [0, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        parameter = next(self.network.parameters())
        return self.network((x - 0.5).to(parameter.dtype)).float()


def build(architecture: str, *, channels: int, size: int, classes: int, seed: int, device: str) -> nn.Module:
    """A fresh network with weights drawn from `seed`; raises KeyError for an unknown architecture."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ARCHITECTURES[architecture](channels=channels, size=size, classes=classes)
    return Centred(network).to(device).to(memory_format=torch.channels_last)


def last_layer(model: nn.Module) -> nn.Linear:
    """The layer of a network that gives its logits, with a row of weights for each class."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
