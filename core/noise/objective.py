"""The loss that robust error-minimizing noise minimizes (Fu et al. 2022, Eq. (5)), and the noise that one batch gets.

    min over |delta_u| <= radius_u  of  E over t in T  of  max over |delta_a| <= radius_a  of
        cross-entropy(f(t(x + delta_u) + delta_a), y)

The methods differ in few switches: how the inner maximum is taken, whether T is there at all, and whether the loss is
taken at y or, for targeted adversarial poisoning, at another class g(y).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.attacks.losses import Network, cross_entropy_sum, targeted_cross_entropy_sum
from core.attacks.norms import PIXEL, Linf
from core.attacks.pgd import MAXIMIZE, MINIMIZE, PGDConfig, Tick, pgd, within_pixels
from core.attacks.transforms import Transform, identity, sample_transform


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One setting of Eq. (5). Radii are in pixel units of 255, step sizes in fractions of their radius.

    `inner` is how delta_a is found while noise is made: "attack" by PGD (REM), "uniform" noise in its ball (SEM; Liu et
    al., AAAI 2024), "none" (EM, Eq. (3)). `samples` is J of Algorithm 1; `eot` False leaves T out of the searches, and
    `augment` False leaves it out of what the surrogate learns from, too (Eq. (4)). `targeted` takes the loss at g(y)
    (Fowl et al. 2021b; A.3.2). `grey` is the chance with which T turns an image grey as well (ours).
    """

    radius_u: int
    radius_a: int
    inner: str
    eot: bool
    outer_steps: int
    outer_step: float
    inner_steps: int
    inner_step: float
    samples: int
    targeted: bool = False
    augment: bool = True
    grey: float = 0.0

    @property
    def passes(self) -> int:
        """Forward and backward passes of the surrogate that the noise of one image takes."""
        inner = self.inner_steps if self.inner == "attack" and self.radius_a else 0
        return self.outer_steps * self.samples * (1 + inner)


def optimize_noise(
    network: Network,
    x: Tensor,
    y: Tensor,
    objective: Objective,
    *,
    generator: torch.Generator,
    tick: Tick,
    start: Tensor | None = None,
) -> Tensor:
    """Lines 8 to 16 of Algorithm 1: the delta_u of a batch, as float (n, c, h, w), |delta_u| <= radius_u.

    `network` is frozen; x is (n, c, h, w) in [0, 1], y (n,). The search begins at `start`, of x's shape and within
    radius_u, or at random. A search of no steps finds what it began with: `start`, or no noise.
    """
    if objective.outer_steps == 0:
        return torch.zeros_like(x) if start is None else within_pixels(x, start)
    search = PGDConfig(
        ball=Linf(objective.radius_u * PIXEL),
        steps=objective.outer_steps,
        step_size=objective.outer_step * objective.radius_u * PIXEL,
        sign=MINIMIZE,
    )
    loss = robust_loss(network, y, objective, generator=generator, tick=tick)
    return pgd(loss, x, search, generator=generator, start=start, tick=tick)


def robust_loss(
    network: Network, y: Tensor, objective: Objective, *, generator: torch.Generator, tick: Tick
) -> Callable[[Tensor], Tensor]:
    """The loss of protected images (n, c, h, w) in [0, 1] that the objective minimizes, added over images and draws.

    The J transformed copies go through the network as one batch, so their gradients are averaged by the sum itself.
    """
    copies = objective.samples
    labels = y.repeat(copies)
    loss = (targeted_cross_entropy_sum if objective.targeted else cross_entropy_sum)(network, labels)

    def robust(protected: Tensor) -> Tensor:
        size = protected.shape[-1]
        transform = draw_transform(len(labels), size, objective, generator=generator, drawn=objective.eot)
        seen = transform(protected.repeat(copies, 1, 1, 1))
        delta_a = inner_perturbation(network, seen.detach(), labels, objective, generator=generator, tick=tick)
        return loss(seen + delta_a)  # the gradient is taken at the adversarial point, and pulled back through T alone

    return robust


def draw_transform(n: int, size: int, objective: Objective, *, generator: torch.Generator, drawn: bool) -> Transform:
    """t ~ T of the objective, one for each of n images; the identity where none is to be drawn."""
    return sample_transform(n, size, generator=generator, greyscale_probability=objective.grey) if drawn else identity


def inner_perturbation(
    network: Network, seen: Tensor, y: Tensor, objective: Objective, *, generator: torch.Generator, tick: Tick
) -> Tensor:
    """The delta_a at which the loss of the transformed images `seen` is taken; detached, `seen` + delta_a in [0, 1]."""
    if objective.inner == "attack":
        return attack(network, seen, y, objective, generator=generator, tick=tick)
    if objective.inner == "uniform":
        return within_pixels(seen, Linf(objective.radius_a * PIXEL).random_init(seen, generator=generator))
    return torch.zeros_like(seen)


def attack(
    network: Network, seen: Tensor, y: Tensor, objective: Objective, *, generator: torch.Generator, tick: Tick
) -> Tensor:
    """The adversarial perturbation of lines 12 and 18 of Algorithm 1; zero where radius_a is."""
    if objective.radius_a == 0:
        return torch.zeros_like(seen)
    search = PGDConfig(
        ball=Linf(objective.radius_a * PIXEL),
        steps=objective.inner_steps,
        step_size=objective.inner_step * objective.radius_a * PIXEL,
        sign=MAXIMIZE,
    )
    return pgd(cross_entropy_sum(network, y), seen, search, generator=generator, tick=tick)


def quantize_noise(delta: Tensor, pixels: Tensor, radius: int) -> Tensor:
    """Noise in whole pixel units, int16 of `delta`'s shape: |noise| <= radius and pixels + noise in 0..255, exactly."""
    shown = pixels.to(torch.int16)
    noise = (delta * 255).round().to(torch.int16).clamp(-radius, radius)
    return (shown + noise).clamp(0, 255) - shown
