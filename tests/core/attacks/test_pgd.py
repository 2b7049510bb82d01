"""Projected gradient descent against known solutions."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core.attacks.norms import BALLS, Linf
from core.attacks.pgd import MAXIMIZE, MINIMIZE, PGDConfig, pgd
from tests.support.seeded import rng


def squared_distance_from_grey(x: Tensor) -> Tensor:
    return ((x - 0.5) ** 2).sum()


@pytest.mark.parametrize("sign", [MAXIMIZE, MINIMIZE])
@pytest.mark.parametrize(("norm", "radius", "order"), [("Linf", 0.1, math.inf), ("L2", 2.0, 2.0), ("L1", 20.0, 1.0)])
def test_the_perturbation_stays_in_the_ball_and_the_image_in_the_pixel_range(
    norm: str, radius: float, order: float, sign: int
) -> None:
    x = torch.rand(4, 3, 8, 8, generator=rng())
    x[:, :, 0] = 1.0
    config = PGDConfig(ball=BALLS[norm](radius), steps=7, step_size=radius / 2, sign=sign)
    delta = pgd(squared_distance_from_grey, x, config, generator=rng(1))
    assert torch.linalg.vector_norm(delta.flatten(1), ord=order, dim=1).max() <= radius * (1 + 1e-5)
    assert (x + delta).min() >= 0
    assert (x + delta).max() <= 1


def test_a_linear_loss_reaches_the_corner_of_the_linf_ball() -> None:
    """Five steps of 0.05 cross a ball of radius 0.1 from any start, so the exact solution is its corner."""
    x = torch.full((2, 1, 4, 4), 0.5)
    weights = torch.where(torch.rand(x.shape, generator=rng()) < 0.5, -1.0, 1.0)
    config = PGDConfig(ball=Linf(0.1), steps=5, step_size=0.05, sign=MAXIMIZE)
    delta = pgd(lambda z: (z * weights).sum(), x, config, generator=rng())
    assert torch.allclose(delta, 0.1 * weights, atol=1e-6)


@pytest.mark.parametrize(("norm", "dual", "steps"), [("Linf", 1.0, 12), ("L2", 2.0, 60), ("L1", math.inf, 60)])
def test_a_linear_loss_reaches_the_dual_norm(norm: str, dual: float, steps: int) -> None:
    """The maximum of w . delta over a ball is the radius times the dual norm of w (Hölder), for each image."""
    x = torch.full((3, 1, 10, 10), 0.5, dtype=torch.float64)
    scale = torch.tensor([1e-6, 1.0, 1e6]).view(3, 1, 1, 1)
    weights = torch.randn(x.shape, generator=rng(), dtype=torch.float64) * scale
    maximum = 0.3 * torch.linalg.vector_norm(weights.flatten(1), ord=dual, dim=1)
    for sign in (MAXIMIZE, MINIMIZE):
        config = PGDConfig(ball=BALLS[norm](0.3), steps=steps, step_size=0.06, sign=sign)
        delta = pgd(lambda z: (z * weights).sum(), x, config, generator=rng(2))
        assert (weights * delta).flatten(1).sum(1).tolist() == pytest.approx((sign * maximum).tolist(), rel=1e-4)


@pytest.mark.parametrize("norm", ["Linf", "L2", "L1"])
def test_the_mean_over_the_images_gives_the_same_result_as_the_sum(norm: str) -> None:
    x = torch.rand(8, 3, 6, 6, generator=rng())

    def run(loss: Callable[[Tensor], Tensor]) -> Tensor:
        config = PGDConfig(ball=BALLS[norm](0.4), steps=5, step_size=0.1, sign=MAXIMIZE)
        return pgd(loss, x, config, generator=rng(1))

    assert torch.allclose(run(squared_distance_from_grey), run(lambda z: squared_distance_from_grey(z) / 8), atol=1e-6)


def test_l1_steps_are_not_wasted_on_saturated_pixels() -> None:
    """The steepest gradients are those of white pixels and point outward, so the other pixels must move."""
    x = torch.full((1, 1, 10, 10), 0.5)
    x[..., :3, :] = 1.0
    weights = torch.ones_like(x)
    weights[..., :3, :] = 5.0
    config = PGDConfig(ball=BALLS["L1"](3.0), steps=10, step_size=0.6, sign=MAXIMIZE)
    delta = pgd(lambda z: (z * weights).sum(), x, config, generator=rng())
    assert (weights * delta).sum() == pytest.approx(3.0, rel=0.05)


def test_minimizing_approaches_the_minimum_and_maximizing_leaves_it() -> None:
    x = torch.full((1, 1, 4, 4), 0.45)
    low, high = (
        pgd(
            squared_distance_from_grey,
            x,
            PGDConfig(ball=Linf(0.1), steps=40, step_size=0.01, sign=sign),
            generator=rng(),
        )
        for sign in (MINIMIZE, MAXIMIZE)
    )
    assert squared_distance_from_grey(x + low) < 16 * 0.011**2
    assert squared_distance_from_grey(x + high) > squared_distance_from_grey(x)


@pytest.mark.parametrize("steps", [0, 2])
def test_a_given_start_is_used_and_not_overwritten(steps: int) -> None:
    x = torch.full((1, 1, 4, 4), 0.45)
    start = torch.full_like(x, 0.02)
    config = PGDConfig(ball=Linf(0.1), steps=steps, step_size=0.03, sign=MAXIMIZE)
    delta = pgd(squared_distance_from_grey, x, config, generator=rng(), start=start)
    assert torch.allclose(delta, start - 0.03 * steps)
    assert (start == 0.02).all()


def test_tick_is_called_after_each_step_and_its_exception_stops_the_search() -> None:
    class Stop(Exception):
        pass

    ticks = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            raise Stop

    config = PGDConfig(ball=Linf(0.1), steps=9, step_size=0.1, sign=MAXIMIZE)
    with pytest.raises(Stop):
        pgd(squared_distance_from_grey, torch.rand(1, 1, 2, 2), config, generator=rng(), tick=tick)
    assert len(ticks) == 3
