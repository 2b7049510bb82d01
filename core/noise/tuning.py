"""A surrogate that begins at a trained generator's weights, for a short training on pictures it has never seen."""

import copy
from dataclasses import replace

from torch import nn

from core.models.registry import build
from core.noise.generator_file import TrainedGenerator, surrogate_for
from core.training.pretrained import start_from


def surrogate_from(generator: TrainedGenerator, *, channels: int, classes: int, seed: int) -> nn.Module:
    """A network of its own with the generator's weights, for pictures of 1 or 3 channels; at least `classes` outputs.

    Its outputs are the generator's where they are enough; for more classes the last layer starts afresh, from `seed`.
    """
    card = generator.card
    if classes <= card.classes:
        model = copy.deepcopy(generator.model)
    else:
        device = str(next(generator.model.parameters()).device)
        model = build(
            card.architecture, channels=card.channels, size=card.size, classes=classes, seed=seed, device=device
        )
        start_from(model, generator.model.state_dict())
    return surrogate_for(replace(generator, model=model), channels=channels)
