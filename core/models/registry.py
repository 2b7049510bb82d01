"""The networks by name.

To add a network, write a function or class with the signature of `Architecture`, enter it in `ARCHITECTURES`, and give
it a name for readers in core/specs/catalog.py, which the API reads without torch. Specs and presets then accept
it. Normalization is no part of it: `build_network` adds the rescaling.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import torch
from torch import Tensor, nn

from core.models.initial_weights import seeded_weights
from core.models.small import SmallResNet
from core.models.wideresnet import WideResNet


class Architecture(Protocol):
    """Makes a network with random weights from torch's global generator."""

    def __call__(self, *, channels: int, size: int, classes: int) -> nn.Module:
        """Make the network.

        Args:
            channels: The channels of an image, 1 or 3.
            size: The height and width of an image in pixels.
            classes: The number of logits.

        Returns:
            A network that maps images (n, channels, size, size), centred at zero, to logits (n, classes).

        Raises:
            ValueError: The network cannot take this size.
        """
        ...


@dataclass(frozen=True, slots=True)
class TorchvisionArchitecture:
    """An `Architecture` that is imported when it is first used, as torchvision takes seconds to import.

    Attributes:
        module: The name of its module in `core.models`.
        function: The name of the function there.
    """

    module: str
    function: str

    def __call__(self, *, channels: int, size: int, classes: int) -> nn.Module:
        """Make the network. For the parameters see `Architecture`."""
        make: Architecture = getattr(import_module(f"core.models.{self.module}"), self.function)
        return make(channels=channels, size=size, classes=classes)


ARCHITECTURES: dict[str, Architecture] = {
    "small": SmallResNet,
    "vgg16": TorchvisionArchitecture("vgg", "vgg16"),
    "resnet18": TorchvisionArchitecture("resnet", "resnet18"),
    "resnet50": TorchvisionArchitecture("resnet", "resnet50"),
    "densenet121": TorchvisionArchitecture("densenet", "densenet121"),
    "wrn34-10": WideResNet,
    "vgg16-narrow": TorchvisionArchitecture("narrow", "narrow_vgg16"),
    "resnet50-narrow": TorchvisionArchitecture("narrow", "narrow_resnet50"),
    "densenet121-narrow": TorchvisionArchitecture("narrow", "narrow_densenet121"),
    "wrn34-1": TorchvisionArchitecture("narrow", "narrow_wideresnet34"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """What a network is besides its weights.

    Attributes:
        architecture: A key of ARCHITECTURES.
        channels: The channels of an image, 1 or 3.
        size: The height and width of an image in pixels.
        classes: The number of logits.
    """

    architecture: str
    channels: int
    size: int
    classes: int


class CentredInput(nn.Module):
    """A network behind the rescaling of pixels to [-0.5, 0.5] (A.2), so that its callers work with pixels in [0, 1].

    Args:
        network: Takes images that are centred at zero.
        config: What `build_network` made; None for a network that it did not make.
    """

    def __init__(self, network: nn.Module, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.network, self.config = network, config

    def forward(self, x: Tensor) -> Tensor:
        parameter = next(self.network.parameters())
        return self.network((x - 0.5).to(parameter.dtype)).float()


def build_network(architecture: str, *, channels: int, size: int, classes: int, seed: int, device: str) -> nn.Module:
    """Make a network with random weights; torch's global generator keeps its state.

    Args:
        architecture: A key of ARCHITECTURES.
        channels: The channels of an image, 1 or 3.
        size: The height and width of an image in pixels.
        classes: The number of logits.
        seed: The seed of the weights.
        device: Where the network goes, such as "cpu" or "cuda".

    Returns:
        A network that maps images (n, channels, size, size) in [0, 1] to logits (n, classes) in float32.

    Raises:
        KeyError: The architecture is unknown.
        ValueError: The network cannot take this size.
    """
    with seeded_weights(seed):
        network = ARCHITECTURES[architecture](channels=channels, size=size, classes=classes)
    config = NetworkConfig(architecture=architecture, channels=channels, size=size, classes=classes)
    return CentredInput(network, config).to(device).to(memory_format=torch.channels_last)


def last_layer(model: nn.Module) -> nn.Linear:
    """Find the layer that gives the logits; its weight has one row per class.

    Args:
        model: A network that `build_network` made.
    """
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
