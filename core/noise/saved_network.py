"""The network that noise is made with among the checkpoints of a job, for helpers: exact weights, without a card."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import safetensors.torch
import torch
from torch import nn

from core.models.initial_weights import seeded_weights
from core.models.registry import CentredInput, NetworkConfig, build_network
from core.noise.generator_file import GreyscaleInput
from core.noise.noise_network import NoiseNetwork, NoiseNetworkConfig
from core.runtime.checkpoints import CheckpointStore

NETWORK = "noise-network.safetensors"


def save_network(network: nn.Module, checkpoints: CheckpointStore) -> dict[str, Any]:
    """Save the weights of a surrogate or of a noise network.

    Args:
        network: As `build_network`, `surrogate_for` or `create_noise_network` made it.
        checkpoints: Where to save them.

    Returns:
        What the network is besides its weights, as JSON.

    Raises:
        TypeError: It is another network.
    """
    about = _describe(network)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    checkpoints.save(NETWORK, safetensors.torch.save(tensors))
    return about


def load_network(about: Mapping[str, Any], checkpoints: CheckpointStore, *, device: str) -> nn.Module:
    """The network that `save_network` saved, in eval mode.

    Args:
        about: What `save_network` returned.
        checkpoints: Where the weights are.
        device: Where the network goes, as torch names it.

    Raises:
        KeyError: The weights are not there.
    """
    data = checkpoints.load(NETWORK)
    if data is None:
        raise KeyError(NETWORK)
    network = _build(about, device=device)
    network.load_state_dict(safetensors.torch.load(data))
    return network.eval()


def _describe(network: nn.Module) -> dict[str, Any]:
    match network:
        case NoiseNetwork():
            return {"noise_network": asdict(network.config)}
        case GreyscaleInput():
            return {"greyscale_input": network.channels, **_describe(network.network)}
        case CentredInput(config=NetworkConfig() as config):
            return {"surrogate": asdict(config)}
    raise TypeError(f"{type(network).__name__} has no description")


def _build(about: Mapping[str, Any], *, device: str) -> nn.Module:
    """The network with weights that are to be replaced; torch's global random numbers keep their state."""
    if "noise_network" in about:
        config = NoiseNetworkConfig(**about["noise_network"])
        with seeded_weights(0):
            return NoiseNetwork(**asdict(config)).to(device).to(memory_format=torch.channels_last)
    surrogate = build_network(**about["surrogate"], seed=0, device=device)
    return GreyscaleInput(surrogate, about["greyscale_input"]) if "greyscale_input" in about else surrogate
