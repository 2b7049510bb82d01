"""The loop and its ball."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core.attacks.norms import BALLS, Linf
from core.attacks.pgd import MAXIMIZE, MINIMIZE, pgd


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def squared(x: Tensor) -> Tensor:
    return ((x - 0.5) ** 2).sum()


@pytest.mark.parametrize("sign", [MAXIMIZE, MINIMIZE])
@pytest.mark.parametrize(("norm", "radius", "order"), [("Linf", 0.1, math.inf), ("L2", 2.0, 2.0), ("L1", 20.0, 1.0)])
def test_the_result_stays_in_the_ball_and_the_image_in_its_range(
    norm: str, radius: float, order: float, sign: int
) -> None:
    x = torch.rand(4, 3, 8, 8, generator=rng())
    x[:, :, 0] = 1.0
    ball = BALLS[norm](radius)
    delta = pgd(squared, x, ball=ball, steps=7, step_size=radius / 2, sign=sign, generator=rng(1))
    assert torch.linalg.vector_norm(delta.flatten(1), ord=order, dim=1).max() <= radius * (1 + 1e-5)
    assert (x + delta).min() >= 0
    assert (x + delta).max() <= 1


def test_it_reaches_the_corner_where_the_loss_is_linear() -> None:
    """Five steps of 0.05 from anywhere in a ball of 0.1 end at its surface: the exact solution."""
    x = torch.full((2, 1, 4, 4), 0.5)
    weights = torch.where(torch.rand(x.shape, generator=rng()) < 0.5, -1.0, 1.0)
    ball = Linf(0.1)
    delta = pgd(lambda z: (z * weights).sum(), x, ball=ball, steps=5, step_size=0.05, sign=MAXIMIZE, generator=rng())
    assert torch.allclose(delta, 0.1 * weights, atol=1e-6)


@pytest.mark.parametrize(("norm", "dual", "steps"), [("Linf", 1.0, 12), ("L2", 2.0, 60), ("L1", math.inf, 60)])
def test_a_linear_loss_reaches_the_dual_norm(norm: str, dual: float, steps: int) -> None:
    """The most that w . delta can be in a ball is its radius times the dual norm of w (Hölder), for each image."""
    x = torch.full((3, 1, 10, 10), 0.5, dtype=torch.float64)
    scale = torch.tensor([1e-6, 1.0, 1e6]).view(3, 1, 1, 1)
    weights = torch.randn(x.shape, generator=rng(), dtype=torch.float64) * scale
    most = 0.3 * torch.linalg.vector_norm(weights.flatten(1), ord=dual, dim=1)
    for sign in (MAXIMIZE, MINIMIZE):
        delta = pgd(
            lambda z: (z * weights).sum(),
            x,
            ball=BALLS[norm](0.3),
            steps=steps,
            step_size=0.06,
            sign=sign,
            generator=rng(2),
        )
        assert (weights * delta).flatten(1).sum(1).tolist() == pytest.approx((sign * most).tolist(), rel=1e-4)


@pytest.mark.parametrize("norm", ["Linf", "L2", "L1"])
def test_a_mean_over_the_images_would_do(norm: str) -> None:
    x = torch.rand(8, 3, 6, 6, generator=rng())

    def run(loss: Callable[[Tensor], Tensor]) -> Tensor:
        return pgd(loss, x, ball=BALLS[norm](0.4), steps=5, step_size=0.1, sign=1, generator=rng(1))

    assert torch.allclose(run(squared), run(lambda z: squared(z) / 8), atol=1e-6)


def test_in_l1_no_step_is_lost_on_saturated_pixels() -> None:
    """White pixels have the steepest gradients, and outward: the others take the steps."""
    x = torch.full((1, 1, 10, 10), 0.5)
    x[..., :3, :] = 1.0
    weights = torch.ones_like(x)
    weights[..., :3, :] = 5.0
    delta = pgd(
        lambda z: (z * weights).sum(), x, ball=BALLS["L1"](3.0), steps=10, step_size=0.6, sign=MAXIMIZE, generator=rng()
    )
    assert (weights * delta).sum() == pytest.approx(3.0, rel=0.05)


def test_minimizing_finds_the_minimum_and_maximizing_leaves_it() -> None:
    x = torch.full((1, 1, 4, 4), 0.45)
    low = pgd(squared, x, ball=Linf(0.1), steps=40, step_size=0.01, sign=MINIMIZE, generator=rng())
    high = pgd(squared, x, ball=Linf(0.1), steps=40, step_size=0.01, sign=MAXIMIZE, generator=rng())
    assert squared(x + low) < 16 * 0.011**2
    assert squared(x + high) > squared(x)


def test_the_start_is_random_and_fills_the_ball() -> None:
    start = Linf(0.3).random_init(torch.zeros(10_000), generator=rng())
    assert start.abs().max() <= 0.3
    assert start.std() == pytest.approx(0.3 / 3**0.5, rel=0.02)


def test_it_starts_where_it_is_told_to() -> None:
    x = torch.full((1, 1, 4, 4), 0.45)
    start = torch.full_like(x, 0.02)
    run = {"ball": Linf(0.1), "step_size": 0.03, "sign": MAXIMIZE, "start": start, "generator": rng()}
    assert torch.allclose(pgd(squared, x, steps=0, **run), start)
    assert torch.allclose(pgd(squared, x, steps=2, **run), start - 0.06)
    assert (start == 0.02).all()


def test_it_ticks_once_a_step_and_whatever_tick_raises_gets_out() -> None:
    class Stop(Exception):
        pass

    ticks = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            raise Stop

    with pytest.raises(Stop):
        pgd(squared, torch.rand(1, 1, 2, 2), ball=Linf(0.1), steps=9, step_size=0.1, sign=1, generator=rng(), tick=tick)
    assert len(ticks) == 3
