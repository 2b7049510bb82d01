"""The adversary of adversarial training and the examples that it finds (Fu et al. 2022, Eq. (2))."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.attacks.losses import Network, cross_entropy_sum
from core.attacks.norms import ALL_BALLS, PIXEL, NormBall
from core.attacks.pgd import MAXIMIZE, PGDConfig, Tick, no_tick, pgd


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreatModel:
    """What perturbations an adversary may add to an image, and how it searches for them.

    The norm is that of the whole perturbation of an image (docs/lab/norms.md). Ten steps of a fifth of the radius
    are the paper's settings for 32 px (A.4, appendix E).

    Attributes:
        norm: A key of ALL_BALLS.
        radius: In pixel units of 255, in every norm; 0 means no adversary, so standard training.
        steps: The steps of projected gradient descent.
        step: The size of one step, as a share of the radius.

    Raises:
        ValueError: The norm is unknown, or the radius is negative.
    """

    norm: str = "Linf"
    radius: float
    steps: int = 10
    step: float = 0.2

    def __post_init__(self) -> None:
        if self.norm not in ALL_BALLS:
            raise ValueError(f"norm must be one of {', '.join(ALL_BALLS)}, not {self.norm!r}")
        if self.radius < 0:
            raise ValueError(f"radius must be 0 or more, not {self.radius}")

    @property
    def ball(self) -> NormBall:
        """The perturbations that the adversary may add, in the unit of images in [0, 1]."""
        return ALL_BALLS[self.norm](self.radius * PIXEL)

    @property
    def attack(self) -> PGDConfig:
        """The search of the adversary."""
        return PGDConfig(ball=self.ball, steps=self.steps, step_size=self.step * self.radius * PIXEL, sign=MAXIMIZE)


def adversarial_examples(
    network: Network,
    x: Tensor,
    y: Tensor,
    *,
    threat: ThreatModel,
    generator: torch.Generator,
    tick: Tick = no_tick,
) -> Tensor:
    """Perturb images so that the loss of the network rises: the inner maximum of Eq. (2).

    Args:
        network: Maps images to logits; its weights stay fixed.
        x: Images (n, c, h, w) in [0, 1].
        y: Labels int64 (n,), or class probabilities (n, classes).
        threat: The norm, the radius and the search.
        generator: The source of the random start.
        tick: Called after each step of the search.

    Returns:
        The perturbed images (n, c, h, w) in [0, 1].
    """
    return x + pgd(cross_entropy_sum(network, y), x, threat.attack, generator=generator, tick=tick)
