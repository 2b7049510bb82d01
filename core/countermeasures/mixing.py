"""Augmentations that hide or mix parts of pictures: cutout, mixup, cutmix. Drawn per image, batched, on the device."""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.training.augmentation import Learner

HIDDEN = 0.5  # grey: zero once a network has rescaled its pixels, as in the source of cutout


def cutout(x: Tensor, y: Tensor, *, learner: Learner, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A square of half the side hidden at a random place (DeVries & Taylor 2017: 16 px of CIFAR-10's 32).

    Its centre is any pixel, so it may reach beyond the edge.
    """
    h, w = x.shape[2:]
    boxes = _boxes(len(x), h, w, height=h // 2, width=w // 2, generator=generator)
    return torch.where(boxes[:, None], HIDDEN, x), y


def mixup(x: Tensor, y: Tensor, *, learner: Learner, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each image blended with another of the batch, and their labels alike (Zhang et al. 2018).

    The share is drawn from Beta(1, 1), which is uniform: alpha = 1.
    """
    share = torch.rand(len(x), generator=generator, device=x.device)
    other = torch.randperm(len(x), generator=generator, device=x.device)
    blend = share[:, None, None, None]
    return x * blend + x[other] * (1 - blend), _mixed_labels(y, y[other], share, learner.classes)


def cutmix(x: Tensor, y: Tensor, *, learner: Learner, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A box of each image replaced by that of another, their labels shared by area (Yun et al. 2019).

    The box has the picture's proportions and an area drawn from Beta(1, 1), less what lies beyond the edge.
    """
    n, _, h, w = x.shape
    side = torch.rand(n, generator=generator, device=x.device).sqrt()
    other = torch.randperm(n, generator=generator, device=x.device)
    boxes = _boxes(n, h, w, height=(side * h).long(), width=(side * w).long(), generator=generator)
    kept = 1 - boxes.float().mean((1, 2))
    return torch.where(boxes[:, None], x[other], x), _mixed_labels(y, y[other], kept, learner.classes)


def _mixed_labels(one: Tensor, other: Tensor, share: Tensor, classes: int) -> Tensor:
    """Class probabilities (n, classes): `share` (n,) for labels `one`, the rest for labels `other`."""
    return F.one_hot(one, classes) * share[:, None] + F.one_hot(other, classes) * (1 - share[:, None])


def _boxes(n: int, h: int, w: int, *, height: int | Tensor, width: int | Tensor, generator: torch.Generator) -> Tensor:
    """bool (n, h, w): for each image a box of `height` x `width` px, centred at a random pixel, cut at the edges."""
    return (
        _stretches(n, h, height, generator=generator)[:, :, None]
        & _stretches(n, w, width, generator=generator)[:, None]
    )


def _stretches(n: int, side: int, length: int | Tensor, *, generator: torch.Generator) -> Tensor:
    """bool (n, side): `length` neighbours around a random place, less what lies beyond the ends."""
    device = generator.device
    start = torch.randint(side, (n,), generator=generator, device=device) - length // 2
    place = torch.arange(side, device=device)
    return (place >= start[:, None]) & (place < (start + length)[:, None])
