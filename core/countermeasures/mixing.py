"""Cutout, mixup and cutmix: augmentations that hide or mix parts of images, drawn for each image, batched.

Each has the signature of `core.training.augmentation.Augmentation`, which documents the parameters.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.training.augmentation import LearnerView

CUTOUT_VALUE = 0.5  # mid-grey: networks rescale it to zero, which the source of cutout uses


def cutout(x: Tensor, y: Tensor, *, learner: LearnerView, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hide a square of half the side around a random pixel; the part beyond the edge is lost.

    Source: DeVries & Taylor 2017, with 16 px of the 32 px of CIFAR-10.
    """
    h, w = x.shape[2:]
    boxes = _random_boxes(len(x), h, w, height=h // 2, width=w // 2, generator=generator)
    return torch.where(boxes[:, None], CUTOUT_VALUE, x), y


def mixup(x: Tensor, y: Tensor, *, learner: LearnerView, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Blend each image with another one of the batch, and their labels with the same weights.

    The weight is uniform, which is Beta(alpha, alpha) with alpha = 1. Source: Zhang et al. 2018.
    """
    weight = torch.rand(len(x), generator=generator, device=x.device)
    other = torch.randperm(len(x), generator=generator, device=x.device)
    pixel_weight = weight[:, None, None, None]
    mixed = x * pixel_weight + x[other] * (1 - pixel_weight)
    return mixed, _mixed_labels(y, y[other], weight, learner.classes)


def cutmix(x: Tensor, y: Tensor, *, learner: LearnerView, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Replace a box of each image by the same box of another one, and mix their labels by area.

    The box has the proportions of the image and a uniform area, which is Beta(1, 1); the part beyond the edge is lost.
    Source: Yun et al. 2019.
    """
    n, _, h, w = x.shape
    side = torch.rand(n, generator=generator, device=x.device).sqrt()
    other = torch.randperm(n, generator=generator, device=x.device)
    boxes = _random_boxes(n, h, w, height=(side * h).long(), width=(side * w).long(), generator=generator)
    weight = 1 - boxes.float().mean((1, 2))
    return torch.where(boxes[:, None], x[other], x), _mixed_labels(y, y[other], weight, learner.classes)


def _mixed_labels(one: Tensor, other: Tensor, weight: Tensor, classes: int) -> Tensor:
    """Class probabilities (n, classes): `weight` (n,) for the labels `one`, the rest for the labels `other`."""
    return F.one_hot(one, classes) * weight[:, None] + F.one_hot(other, classes) * (1 - weight[:, None])


def _random_boxes(
    n: int, h: int, w: int, *, height: int | Tensor, width: int | Tensor, generator: torch.Generator
) -> Tensor:
    """bool (n, h, w): for each image a box of `height` x `width` px around a random pixel, cut at the edges."""
    rows = _random_intervals(n, h, height, generator=generator)
    columns = _random_intervals(n, w, width, generator=generator)
    return rows[:, :, None] & columns[:, None]


def _random_intervals(n: int, side: int, length: int | Tensor, *, generator: torch.Generator) -> Tensor:
    """bool (n, side): intervals of `length` around random places, cut at the ends."""
    device = generator.device
    start = torch.randint(side, (n,), generator=generator, device=device) - length // 2
    place = torch.arange(side, device=device)
    return (place >= start[:, None]) & (place < (start + length)[:, None])
