"""Strong augmentation in the style of UEraser (Qin et al. 2023): lite, one draw an image; max, the hardest of several.

Plasma brightness, plasma contrast and a shuffle of the channels, each with probability 0.5, then a TrivialAugment-like
operation: the source's recipe, with operations of our own (docs/lab/countermeasures.md says where they differ).
"""

import torch
from torch import Tensor

from core.countermeasures.plasma import plasma_brightness, plasma_contrast, uniform
from core.countermeasures.trivial_augment import trivial_augment
from core.training.augmentation import Augmentation, Learner

CHANCE = 0.5


def strongly_augmented(x: Tensor, *, generator: torch.Generator) -> Tensor:
    """One draw for each image of (n, c, h, w) in [0, 1]."""
    for operation in (plasma_brightness, plasma_contrast, shuffle_channels):
        taken = uniform(len(x), 0, 1, generator=generator) < CHANCE
        x = torch.where(taken, operation(x, generator=generator), x)
    return trivial_augment(x, generator=generator)


def shuffle_channels(x: Tensor, *, generator: torch.Generator) -> Tensor:
    """The channels of each image of (n, c, h, w) in a random order of its own."""
    order = torch.rand(x.shape[:2], generator=generator, device=x.device).argsort(1)
    return x.gather(1, order[:, :, None, None].expand_as(x))


def hardest_of(copies: int) -> Augmentation:
    """The augmentation that draws `copies` for each image and keeps the one of the learner's greatest loss.

    1 is the source's Lite, 5 its Max.
    """

    def augment(x: Tensor, y: Tensor, *, learner: Learner, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        drawn = strongly_augmented(x.repeat(copies, 1, 1, 1), generator=generator)
        if copies == 1:
            return drawn, y
        hardest = learner.losses(drawn, y.repeat(copies)).view(copies, len(x)).argmax(0)
        return drawn[hardest * len(x) + torch.arange(len(x), device=x.device)], y

    return augment
