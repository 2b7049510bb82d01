"""Start a learner from the weights of another one that was trained on other data (fine-tuning)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


@torch.no_grad()
def start_from(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into a model; the last layer stays as it is if it has another number of classes.

    Args:
        model: The model to change.
        weights: The state dict of a model of the same architecture; it is not changed.

    Raises:
        ValueError: The weights differ in anything but the shape of one nn.Linear.
    """
    own = model.state_dict()
    if own.keys() != weights.keys():
        unmatched = sorted(own.keys() ^ weights.keys())
        raise ValueError(f"the starting weights belong to another architecture: {', '.join(unmatched[:3])}")
    differing = [name for name in own if own[name].shape != weights[name].shape]
    layers = {name.rpartition(".")[0] for name in differing}
    if len(layers) > 1 or any(not isinstance(model.get_submodule(layer), nn.Linear) for layer in layers):
        raise ValueError(f"the starting weights have other shapes: {', '.join(differing[:3])}")
    for name, tensor in own.items():
        if name not in differing:
            tensor.copy_(weights[name])
