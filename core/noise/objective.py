"""The loss that robust error-minimizing noise minimizes (Fu et al. 2022, Eq. (5)), and the search that minimizes it.

    min over |delta_u| <= radius_u  of  E over t in T  of  max over |delta_a| <= radius_a  of
        cross-entropy(f(t(x + delta_u) + delta_a), y)

The methods differ in a few settings: how the inner maximum is taken, whether there is a T, and whether the loss is
taken at y or, for targeted adversarial poisoning, at another class g(y).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.attacks.losses import Network, PixelLoss, cross_entropy_sum, targeted_cross_entropy_sum
from core.attacks.norms import PIXEL, Linf
from core.attacks.pgd import MAXIMIZE, MINIMIZE, PGDConfig, Tick, pgd, within_pixels
from core.attacks.transforms import Transform, identity, sample_transform


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One setting of Eq. (5).

    Attributes:
        radius_u: The bound of the noise in pixel units of 255.
        radius_a: The bound of the adversary in pixel units of 255.
        inner: How delta_a is found while noise is made: "attack" by PGD (REM), "uniform" draws it from its ball (SEM;
            Liu et al., AAAI 2024), "none" has no delta_a (EM, Eq. (3)).
        eot: Whether the searches see images through T.
        outer_steps: K_u, the steps of the search of delta_u.
        outer_step: The size of one such step, as a share of radius_u.
        inner_steps: K_a, the steps of the search of delta_a.
        inner_step: The size of one such step, as a share of radius_a.
        samples: J, the draws of T in one step of the search of delta_u.
        targeted: Whether the loss is taken at g(y) (Fowl et al. 2021b; A.3.2).
        augment: Whether the surrogate learns from images through T; Eq. (4) has no T at all.
        greyscale: The chance with which T also turns an image to greyscale, 0 to 1. T of the paper has no such step.
        pixel_box: See `OpenDetails`.
        transforms_first: Whether the noise is searched on images after T; see `OpenDetails.em_transforms_first`.
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
    greyscale: float = 0.0
    pixel_box: bool = True
    transforms_first: bool = False

    @property
    def passes(self) -> int:
        """How many forward and backward passes of the surrogate the noise of one image needs."""
        inner = self.inner_steps if self.inner == "attack" and self.radius_a else 0
        return self.outer_steps * self.samples * (1 + inner)

    @property
    def outer_search(self) -> PGDConfig:
        """The search of delta_u."""
        radius = self.radius_u * PIXEL
        return PGDConfig(
            ball=Linf(radius),
            steps=self.outer_steps,
            step_size=self.outer_step * radius,
            sign=MINIMIZE,
            pixel_box=self.pixel_box,
        )

    @property
    def inner_search(self) -> PGDConfig:
        """The search of delta_a."""
        radius = self.radius_a * PIXEL
        return PGDConfig(ball=Linf(radius), steps=self.inner_steps, step_size=self.inner_step * radius, sign=MAXIMIZE)


def robust_loss(
    network: Network, y: Tensor, objective: Objective, *, generator: torch.Generator, tick: Tick
) -> PixelLoss:
    """The loss of protected images in Eq. (5), summed over the images and the J draws of T.

    The J transformed copies go through the network as one batch, so that the sum averages their gradients.

    Args:
        network: Maps images to logits; its weights stay fixed.
        y: Labels int64 (n,).
        objective: The loss and the inner search.
        generator: The source of randomness, on the device of `y`.
        tick: Called after each step of the inner search.

    Returns:
        Maps n images in [0, 1] to a scalar.
    """
    copies = objective.samples
    labels = y.repeat(copies)
    loss = (targeted_cross_entropy_sum if objective.targeted else cross_entropy_sum)(network, labels)

    def robust(protected: Tensor) -> Tensor:
        size = protected.shape[-1]
        transform = draw_transform(len(labels), size, objective, generator=generator, enabled=objective.eot)
        transformed = transform(protected.repeat(copies, 1, 1, 1))
        delta_a = inner_perturbation(network, transformed.detach(), labels, objective, generator=generator, tick=tick)
        return loss(transformed + delta_a)  # the gradient passes through T, and delta_a is a constant

    return robust


def draw_transform(n: int, size: int, objective: Objective, *, generator: torch.Generator, enabled: bool) -> Transform:
    """Draw t ~ T for each image, or return the identity.

    Args:
        n: The number of images.
        size: Their height and width in pixels.
        objective: Gives the chance of greyscale.
        generator: The source of randomness, on the device of the images.
        enabled: Whether to draw; if not, the result is the identity.
    """
    if not enabled:
        return identity
    return sample_transform(n, size, generator=generator, greyscale_probability=objective.greyscale)


def transformed_pixels(pixels: Tensor, objective: Objective, *, generator: torch.Generator) -> Tensor:
    """The images that noise is searched on: after T where the objective transforms first, else as they are.

    Args:
        pixels: uint8 (n, c, s, s).
        objective: The order of T and noise.
        generator: The source of randomness, on the device of the images; not used without T.
    """
    if not objective.transforms_first:
        return pixels
    t = draw_transform(len(pixels), pixels.shape[-1], objective, generator=generator, enabled=True)
    return (t(pixels.float() * PIXEL) * 255).round_().to(torch.uint8)


def inner_perturbation(
    network: Network, transformed: Tensor, y: Tensor, objective: Objective, *, generator: torch.Generator, tick: Tick
) -> Tensor:
    """Find the delta_a at which Eq. (5) takes the loss.

    Args:
        network: Maps images to logits; its weights stay fixed.
        transformed: Images t(x + delta_u), (n, c, h, w) in [0, 1].
        y: Labels int64 (n,).
        objective: The kind of the inner maximum, and its search.
        generator: The source of randomness, on the device of the images.
        tick: Called after each step of the search.

    Returns:
        (n, c, h, w), |delta_a| <= radius_a / 255, detached; the images + delta_a are in [0, 1].
    """
    if objective.inner == "attack":
        return attack(network, transformed, y, objective, generator=generator, tick=tick)
    if objective.inner == "uniform":
        drawn = objective.inner_search.ball.random_init(transformed, generator=generator)
        return within_pixels(transformed, drawn)
    return torch.zeros_like(transformed)


def attack(
    network: Network, transformed: Tensor, y: Tensor, objective: Objective, *, generator: torch.Generator, tick: Tick
) -> Tensor:
    """The adversarial perturbation of lines 12 and 18 of Algorithm 1; zero for a radius_a of 0.

    Its arguments and its result are those of `inner_perturbation`.
    """
    if objective.radius_a == 0:
        return torch.zeros_like(transformed)
    loss = cross_entropy_sum(network, y)
    return pgd(loss, transformed, objective.inner_search, generator=generator, tick=tick)
