"""Norm balls of perturbations: a random point, a step of steepest ascent, and the projection.

The norm is that of the whole perturbation of one image: all channels and pixels together. The first dimension of a
tensor counts the images, and each is treated on its own. Radii and step sizes are in the unit of images in [0, 1].
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

PIXEL = 1 / 255  # one step of an 8-bit pixel value, in the unit of images in [0, 1]
L1_SPARSITY = 0.99  # the share of entries that a step in L1 leaves as they are: q of SLIDE, as in CleverHans


class NormBall(Protocol):
    """All perturbations of an image whose norm is at most `radius`. Each method may overwrite its input tensor."""

    @property
    def radius(self) -> float:
        """The largest norm, in the unit of images in [0, 1]."""
        ...

    def random_init(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw a perturbation uniformly from the ball.

        Args:
            like: Gives the shape (n, c, h, w), the type and the device of the result.
            generator: The source of randomness, on the device of `like`.
        """
        ...

    def step(self, gradient: Tensor, size: float, *, at: Tensor) -> Tensor:
        """The step of a given length that raises a linear loss most.

        Args:
            gradient: The gradient of the loss (n, c, h, w).
            size: The length of the step in the norm of the ball; a negative one descends.
            at: The perturbed images (n, c, h, w) in [0, 1], where the gradient was taken.
        """
        ...

    def project(self, perturbation: Tensor) -> Tensor:
        """The nearest point of the ball, in Euclidean distance, to a perturbation (n, c, h, w)."""
        ...


@dataclass(frozen=True, slots=True)
class Linf:
    """The ball of the largest absolute entry: the threat model of the paper (section 5.1)."""

    radius: float

    def random_init(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw each entry uniformly; see `NormBall.random_init`."""
        uniform = torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)
        return uniform.mul_(2 * self.radius).sub_(self.radius)

    def step(self, gradient: Tensor, size: float, *, at: Tensor) -> Tensor:
        """The sign of the gradient (section 3). An entry that would leave [0, 1] does not shorten the others."""
        return gradient.sign().mul_(size)

    def project(self, perturbation: Tensor) -> Tensor:
        """Clip each entry."""
        return perturbation.clamp_(-self.radius, self.radius)


@dataclass(frozen=True, slots=True)
class L2:
    """The ball of the Euclidean norm (appendix E)."""

    radius: float

    def random_init(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw a direction from normal numbers, and a length as the d-th root of a uniform number (Muller 1959)."""
        normal = torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
        rows = normal.flatten(1)
        length = torch.rand(len(rows), 1, generator=generator, device=like.device, dtype=like.dtype)
        length = length.pow_(1 / rows.shape[1]).mul_(self.radius)
        return (rows * (length / _at_least_tiny(rows.norm(dim=1, keepdim=True)))).view_as(like)

    def step(self, gradient: Tensor, size: float, *, at: Tensor) -> Tensor:
        """The normalized gradient over the entries that can move within [0, 1]; zero where that gradient is zero."""
        rows = _movable(gradient, size, at=at).flatten(1)
        rows = rows / _at_least_tiny(rows.abs().amax(1, keepdim=True))  # so that no square underflows
        return (rows * (size / _at_least_tiny(rows.norm(dim=1, keepdim=True)))).view_as(gradient)

    def project(self, perturbation: Tensor) -> Tensor:
        """Scale down to the radius what is longer."""
        rows = perturbation.flatten(1)
        length = _at_least_tiny(rows.norm(dim=1, keepdim=True))
        return (rows * (self.radius / length).clamp_(max=1)).view_as(perturbation)


@dataclass(frozen=True, slots=True)
class L1:
    """The ball of the sum of absolute entries (appendix E)."""

    radius: float

    def random_init(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw d signed exponential numbers and divide by the sum of d + 1 of them (Barthe et al. 2005)."""
        n, d = like.flatten(1).shape
        settings: dict[str, Any] = {"generator": generator, "device": like.device, "dtype": like.dtype}
        exponential = torch.rand(n, d + 1, **settings).neg_().log1p_().neg_()
        rows = exponential[:, :d] * (self.radius / _at_least_tiny(exponential.sum(1, keepdim=True)))
        return torch.where(torch.rand(n, d, **settings) < 0.5, rows, -rows).view_as(like)

    def step(self, gradient: Tensor, size: float, *, at: Tensor) -> Tensor:
        """Move in equal shares the 1 % of the entries with the largest gradients, and ties.

        Only entries that can move within [0, 1] count. The steepest step in L1 moves a single entry, so that ten steps
        would reach at most ten entries; hence the 1 % (SLIDE, Tramèr & Boneh 2019).
        """
        rows = _movable(gradient, size, at=at).flatten(1)
        count = max(1, round((1 - L1_SPARSITY) * rows.shape[1]))
        threshold = rows.abs().topk(count).values[:, -1:]
        signs = torch.where(rows.abs() >= threshold, rows.sign(), 0)
        return (signs * (size / signs.abs().sum(1, keepdim=True).clamp_(min=1))).view_as(gradient)

    def project(self, perturbation: Tensor) -> Tensor:
        """Move all entries of an image towards zero by one amount, at most to zero (Duchi et al. 2008, Fig. 1)."""
        rows = perturbation.flatten(1)
        sizes = rows.abs()
        sorted_sizes = sizes.sort(dim=1, descending=True).values
        excess = sorted_sizes.cumsum(1).sub_(self.radius)
        counts = torch.arange(1, rows.shape[1] + 1, device=rows.device, dtype=rows.dtype)
        nonzero = (sorted_sizes * counts > excess).sum(1, keepdim=True).clamp_(min=1)
        amount = (excess.gather(1, nonzero - 1) / nonzero).clamp_(min=0)
        return (rows.sign() * (sizes - amount).clamp_(min=0)).view_as(perturbation)


@dataclass(frozen=True, slots=True)
class DenseL1:
    """The ball of the sum of absolute entries, with the weaker search of the paper's official code (Table 11)."""

    radius: float

    def random_init(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw entries uniformly and scale their L1 norm to the radius.

        The official code draws from a box of a tenth of the radius, and scales down what is outside: all of it.
        """
        uniform = torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)
        return self._scaled(uniform.mul_(2).sub_(1), self.radius)

    def step(self, gradient: Tensor, size: float, *, at: Tensor) -> Tensor:
        """The gradient over its L1 norm: all entries move, also out of [0, 1], so most by very little."""
        return self._scaled(gradient, size)

    def project(self, perturbation: Tensor) -> Tensor:
        """Scale down to the radius what is longer. This is not the nearest point of the ball, as `L1.project` is."""
        length = _at_least_tiny(perturbation.flatten(1).abs().sum(1))
        return perturbation * (self.radius / length).clamp_(max=1)[:, None, None, None]

    @staticmethod
    def _scaled(perturbation: Tensor, length: float) -> Tensor:
        rows = perturbation.flatten(1)
        rows = rows / _at_least_tiny(rows.abs().amax(1, keepdim=True))  # so that no sum overflows
        return (rows * (length / _at_least_tiny(rows.abs().sum(1, keepdim=True)))).view_as(perturbation)


BALLS: dict[str, type[Linf] | type[L2] | type[L1]] = {"Linf": Linf, "L2": L2, "L1": L1}
ALL_BALLS: dict[str, type[Linf] | type[L2] | type[L1] | type[DenseL1]] = {**BALLS, "L1-dense": DenseL1}
"""BALLS, and those that are there to repeat the paper's experiments alone."""


def _movable(gradient: Tensor, size: float, *, at: Tensor) -> Tensor:
    """The gradient, set to zero where a step of this sign would leave [0, 1], so that no length is spent there."""
    outward = gradient if size > 0 else -gradient
    highest = 1 - torch.finfo(at.dtype).eps  # x + (1 - x) may round to this
    return torch.where(((at <= 0) & (outward < 0)) | ((at >= highest) & (outward > 0)), 0, gradient)


def _at_least_tiny(length: Tensor) -> Tensor:
    return length.clamp_(min=torch.finfo(length.dtype).tiny)
