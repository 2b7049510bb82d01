"""Projected gradient descent (Madry et al. 2018; Fu et al. 2022, section 3), once for every noise and attack."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.attacks.losses import PixelLoss
from core.attacks.norms import NormBall

MAXIMIZE, MINIMIZE = 1, -1
Tick = Callable[[], None]
"""Called after each step; it may raise to stop the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PGDConfig:
    """Where projected gradient descent searches, and by which steps.

    Attributes:
        ball: The perturbations that are allowed, in the unit of images in [0, 1].
        steps: The number of steps.
        step_size: The length of a step in the norm of the ball, in the unit of images in [0, 1].
        sign: MAXIMIZE to raise the loss, MINIMIZE to lower it.
        pixel_box: Whether each step is projected onto [0, 1] as well. If not, the loss sees clipped images, and an
            entry that has left [0, 1] has no gradient and stays outside, as in the official code of Fu et al. 2022.
    """

    ball: NormBall
    steps: int
    step_size: float
    sign: int
    pixel_box: bool = True


def no_tick() -> None:
    pass


def pgd(
    loss: PixelLoss,
    x: Tensor,
    config: PGDConfig,
    *,
    generator: torch.Generator,
    start: Tensor | None = None,
    tick: Tick = no_tick,
) -> Tensor:
    """Perturb images within a ball so that their loss rises or falls.

    After the projection onto the ball comes the projection onto [0, 1], in each step or at the end. The second makes no
    entry of the perturbation larger, so the result satisfies both.

    Args:
        loss: Maps images to a scalar, the sum over the images. A mean gives the same result: in every norm the length
            of a step does not depend on the length of the gradient.
        x: Images (n, c, h, w) in [0, 1].
        config: The ball, the steps and the direction.
        generator: The source of the random start, on the device of `x`.
        start: The perturbation to start from, in the shape of `x`; by default a random one in the ball.
        tick: Called after each step.

    Returns:
        The perturbation (n, c, h, w), detached; `x` + perturbation is in [0, 1].
    """
    delta = config.ball.random_init(x, generator=generator) if start is None else start.clone()
    if config.pixel_box:
        delta = within_pixels(x, delta)
    for _ in range(config.steps):
        at = (x + delta).requires_grad_(True)
        (gradient,) = torch.autograd.grad(loss(at if config.pixel_box else at.clamp(0, 1)), at)
        with torch.no_grad():
            delta = delta.add_(config.ball.step(gradient, config.sign * config.step_size, at=at))
            delta = config.ball.project(delta)
            if config.pixel_box:
                delta = within_pixels(x, delta)
        tick()
    return delta.detach() if config.pixel_box else within_pixels(x, delta.detach())


def within_pixels(x: Tensor, delta: Tensor) -> Tensor:
    """Clip a perturbation so that the perturbed images stay in [0, 1].

    Args:
        x: Images (n, c, h, w) in [0, 1].
        delta: A perturbation in the shape of `x`.
    """
    return (x + delta).clamp_(0, 1).sub_(x)
