"""The one projected-gradient loop (Madry et al. 2018; Fu et al. 2022, section 3). Noises and attacks vary its loss."""

from collections.abc import Callable

import torch
from torch import Tensor

from core.attacks.losses import Loss
from core.attacks.norms import NormBall

MAXIMIZE, MINIMIZE = 1, -1


def no_tick() -> None:
    pass


def pgd(
    loss: Loss,
    x: Tensor,
    *,
    ball: NormBall,
    steps: int,
    step_size: float,
    sign: int,
    generator: torch.Generator,
    start: Tensor | None = None,
    tick: Callable[[], None] = no_tick,
) -> Tensor:
    """Perturb `x` within `ball` so that `loss` rises (sign 1) or falls (sign -1); returns the perturbation.

    `x` is (n, c, h, w) in [0, 1], and x + perturbation stays there. `loss` maps such images to a scalar, a sum over the
    images (a mean would do too: in every norm a step has the same length, whatever the length of an image's gradient).
    It starts at the perturbation `start`, or at random in the ball; `tick` is called once a step. After the ball's
    projection comes that to [0, 1]: it makes no entry of the perturbation larger, so both hold.
    """
    delta = within_pixels(x, ball.random_init(x, generator=generator) if start is None else start)
    for _ in range(steps):
        at = (x + delta).requires_grad_(True)
        (gradient,) = torch.autograd.grad(loss(at), at)
        with torch.no_grad():
            delta = delta.add_(ball.step(gradient, sign * step_size, at=at))
            delta = within_pixels(x, ball.project(delta))
        tick()
    return delta.detach()


def within_pixels(x: Tensor, delta: Tensor) -> Tensor:
    """The part of `delta` that keeps x + delta in [0, 1]."""
    return (x + delta).clamp_(0, 1).sub_(x)
