"""Start a learner from the weights of another one that was trained on other data (fine-tuning)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


@torch.no_grad()
def start_from(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy `weights`, a state dict of the same architecture, into `model`, its own copies kept intact.

    The last layer stays as it is where it has another number of classes: one nn.Linear may differ in shape.
    Raises ValueError where anything else differs, naming it.
    """
    own = model.state_dict()
    if own.keys() != weights.keys():
        odd = sorted(own.keys() ^ weights.keys())
        raise ValueError(f"the starting weights are another architecture's: {', '.join(odd[:3])}")
    differing = [name for name in own if own[name].shape != weights[name].shape]
    layers = {name.rpartition(".")[0] for name in differing}
    if len(layers) > 1 or any(not isinstance(model.get_submodule(layer), nn.Linear) for layer in layers):
        raise ValueError(f"the starting weights have other shapes: {', '.join(differing[:3])}")
    for name, tensor in own.items():
        if name not in differing:
            tensor.copy_(weights[name])
