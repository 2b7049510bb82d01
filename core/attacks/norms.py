"""Balls that perturbations live in: how to start in one, step within it, and come back to it.

Radii and step sizes are in [0, 1] pixel units, like the images. A norm is that of one image's whole perturbation, all
channels and pixels together; the first dimension counts the images, and each is treated alone.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

PIXEL = 1 / 255  # one step of an 8-bit pixel value, in the unit of images in [0, 1]
SPARSITY = 0.99  # of the entries a step in L1 leaves alone: q of SLIDE, as its authors' code in CleverHans sets it


class NormBall(Protocol):
    """All perturbations of an image whose norm is at most `radius`. Any verb may write into the tensor it is given."""

    @property
    def radius(self) -> float: ...

    def random_init(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """A perturbation drawn uniformly from the ball, in the shape of `like`."""
        ...

    def step(self, gradient: Tensor, size: float, *, at: Tensor) -> Tensor:
        """The steepest ascent of length `size`, for images `at` in [0, 1]; descent where `size` is negative."""
        ...

    def project(self, perturbation: Tensor) -> Tensor:
        """The nearest perturbation in the ball."""
        ...


@dataclass(frozen=True, slots=True)
class Linf:
    """All perturbations whose largest absolute entry is at most `radius` (the paper's threat model, section 5.1)."""

    radius: float

    def random_init(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """A perturbation drawn uniformly from the ball, in the shape of `like`."""
        uniform = torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)
        return uniform.mul_(2 * self.radius).sub_(self.radius)

    def step(self, gradient: Tensor, size: float, *, at: Tensor) -> Tensor:
        """Its sign (section 3); an entry that would leave [0, 1] costs the others nothing."""
        return gradient.sign().mul_(size)

    def project(self, perturbation: Tensor) -> Tensor:
        """The nearest perturbation in the ball."""
        return perturbation.clamp_(-self.radius, self.radius)


@dataclass(frozen=True, slots=True)
class L2:
    """All perturbations of Euclidean norm at most `radius` (appendix E)."""

    radius: float

    def random_init(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """A direction by normal numbers, a length by the d-th root of a uniform one (Muller 1959)."""
        normal = torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
        rows = normal.flatten(1)
        length = torch.rand(len(rows), 1, generator=generator, device=like.device, dtype=like.dtype)
        length = length.pow_(1 / rows.shape[1]).mul_(self.radius)
        return (rows * (length / _at_least_tiny(rows.norm(dim=1, keepdim=True)))).view_as(like)

    def step(self, gradient: Tensor, size: float, *, at: Tensor) -> Tensor:
        """The normalized gradient over the entries that [0, 1] lets move; zero where that is zero."""
        rows = _free(gradient, size, at=at).flatten(1)
        rows = rows / _at_least_tiny(rows.abs().amax(1, keepdim=True))  # so that no square underflows
        return (rows * (size / _at_least_tiny(rows.norm(dim=1, keepdim=True)))).view_as(gradient)

    def project(self, perturbation: Tensor) -> Tensor:
        """The nearest perturbation in the ball: shortened where it is too long."""
        rows = perturbation.flatten(1)
        length = _at_least_tiny(rows.norm(dim=1, keepdim=True))
        return (rows * (self.radius / length).clamp_(max=1)).view_as(perturbation)


@dataclass(frozen=True, slots=True)
class L1:
    """All perturbations whose absolute entries add up to at most `radius` (appendix E)."""

    radius: float

    def random_init(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """Signed exponential numbers over their sum and one more's (Barthe et al. 2005)."""
        n, d = like.flatten(1).shape
        settings: dict[str, Any] = {"generator": generator, "device": like.device, "dtype": like.dtype}
        sizes = torch.rand(n, d + 1, **settings).neg_().log1p_().neg_()
        rows = sizes[:, :d] * (self.radius / _at_least_tiny(sizes.sum(1, keepdim=True)))
        return torch.where(torch.rand(n, d, **settings) < 0.5, rows, -rows).view_as(like)

    def step(self, gradient: Tensor, size: float, *, at: Tensor) -> Tensor:
        """Equal shares for the 1 % of the entries with the largest gradient and for ties, all that [0, 1] lets move.

        SLIDE (Tramèr & Boneh 2019): the steepest step in L1 moves one entry alone, and ten of them ten entries at most.
        """
        rows = _free(gradient, size, at=at).flatten(1)
        kept = max(1, round((1 - SPARSITY) * rows.shape[1]))
        least = rows.abs().topk(kept).values[:, -1:]
        signs = torch.where(rows.abs() >= least, rows.sign(), 0)
        return (signs * (size / signs.abs().sum(1, keepdim=True).clamp_(min=1))).view_as(gradient)

    def project(self, perturbation: Tensor) -> Tensor:
        """The nearest perturbation in the ball: all entries drawn to zero by one amount (Duchi et al. 2008, Fig. 1)."""
        rows = perturbation.flatten(1)
        sizes = rows.abs()
        sorted_sizes = sizes.sort(dim=1, descending=True).values
        over = sorted_sizes.cumsum(1).sub_(self.radius)
        counts = torch.arange(1, rows.shape[1] + 1, device=rows.device, dtype=rows.dtype)
        left = (sorted_sizes * counts > over).sum(1, keepdim=True).clamp_(min=1)
        amount = (over.gather(1, left - 1) / left).clamp_(min=0)
        return (rows.sign() * (sizes - amount).clamp_(min=0)).view_as(perturbation)


BALLS: dict[str, type[Linf] | type[L2] | type[L1]] = {"Linf": Linf, "L2": L2, "L1": L1}


def _free(gradient: Tensor, size: float, *, at: Tensor) -> Tensor:
    """The gradient, zero where a step of this sign would leave [0, 1]: nothing of its length is spent there."""
    outward = gradient if size > 0 else -gradient
    highest = 1 - torch.finfo(at.dtype).eps  # x + (1 - x), rounded, may be this
    return torch.where(((at <= 0) & (outward < 0)) | ((at >= highest) & (outward > 0)), 0, gradient)


def _at_least_tiny(length: Tensor) -> Tensor:
    return length.clamp_(min=torch.finfo(length.dtype).tiny)
