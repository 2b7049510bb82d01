"""Strong augmentation in the style of UEraser (Qin et al. 2023): Lite draws once, Max takes the hardest of several.

A draw applies plasma brightness, plasma contrast and a shuffle of the channels, each with probability 0.5, and then an
operation in the style of TrivialAugment. The operations are implemented anew; docs/lab/countermeasures.md states
the differences from the source.
"""

import torch
from torch import Tensor

from core.countermeasures.plasma import plasma_brightness, plasma_contrast, uniform_per_image
from core.countermeasures.trivial_augment import trivial_augment
from core.training.augmentation import Augmentation, LearnerView

PROBABILITY = 0.5  # of each of the three operations


def strong_augmentation(x: Tensor, *, generator: torch.Generator) -> Tensor:
    """Augment each image once.

    Args:
        x: Images (n, c, h, w) in [0, 1].
        generator: The source of randomness, on the device of `x`.
    """
    for operation in (plasma_brightness, plasma_contrast, shuffle_channels):
        selected = uniform_per_image(len(x), 0, 1, generator=generator) < PROBABILITY
        x = torch.where(selected, operation(x, generator=generator), x)
    return trivial_augment(x, generator=generator)


def shuffle_channels(x: Tensor, *, generator: torch.Generator) -> Tensor:
    """Put the channels of each image in a random order.

    Args:
        x: Images (n, c, h, w).
        generator: The source of randomness, on the device of `x`.
    """
    order = torch.rand(x.shape[:2], generator=generator, device=x.device).argsort(1)
    return x.gather(1, order[:, :, None, None].expand_as(x))


def hardest_of(copies: int) -> Augmentation:
    """Make an augmentation that draws several copies of each image and takes the one with the learner's highest loss.

    Args:
        copies: The number of copies: 1 in UEraser Lite, 5 in UEraser Max.
    """

    def augment(x: Tensor, y: Tensor, *, learner: LearnerView, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        candidates = strong_augmentation(x.repeat(copies, 1, 1, 1), generator=generator)
        if copies == 1:
            return candidates, y
        hardest = learner.losses(candidates, y.repeat(copies)).view(copies, len(x)).argmax(0)
        return candidates[hardest * len(x) + torch.arange(len(x), device=x.device)], y

    return augment
