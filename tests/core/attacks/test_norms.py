"""Norm balls: uniform random points, steps of the right length, projections onto the nearest point."""

import math

import pytest
import torch
from torch import Tensor

from core.attacks.norms import BALLS, L1, L2, Linf, NormBall
from tests.support.seeded import rng

NORMS = {"Linf": math.inf, "L2": 2.0, "L1": 1.0}
HALF = torch.full((), 0.5, dtype=torch.float64)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=rng(seed), dtype=torch.float64)


def lengths(name: str, perturbation: Tensor) -> Tensor:
    return torch.linalg.vector_norm(perturbation.flatten(1), ord=NORMS[name], dim=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", BALLS)
def test_every_method_preserves_shape_and_type_and_respects_the_radius(name: str, dtype: torch.dtype) -> None:
    ball: NormBall = BALLS[name](0.7)
    like = torch.rand(9, 3, 5, 4, generator=rng(), dtype=dtype)
    initial = ball.random_init(like, generator=rng(1))
    step = ball.step(torch.randn(like.shape, generator=rng(2), dtype=dtype), 0.3, at=like)
    projected = ball.project(10 * step + initial)
    assert {t.dtype for t in (initial, step, projected)} == {dtype}
    assert {t.shape for t in (initial, step, projected)} == {like.shape}
    for inside in (initial, projected):
        assert (lengths(name, inside) <= 0.7 * (1 + 1e-6)).all()
    assert torch.equal(initial, ball.random_init(like, generator=rng(1)))


@pytest.mark.parametrize("name", BALLS)
def test_random_init_is_uniform(name: str) -> None:
    """A share s^d of a d-dimensional ball lies within s of its radius; all entries have one distribution, of mean 0."""
    n, d = 40_000, 6
    drawn = BALLS[name](2.0).random_init(torch.zeros(n, 1, 2, 3, dtype=torch.float64), generator=rng(3)).flatten(1)
    for share in (0.5, 0.8, 0.95):
        within = (lengths(name, drawn) <= 2.0 * share).double().mean().item()
        assert within == pytest.approx(share**d, abs=4 * math.sqrt(share**d / n))
    # the second moment of one entry in Linf, L2 and L1: r^2/3; r^2/(d+2); 2 r^2/((d+1)(d+2))
    second = {"Linf": 4 / 3, "L2": 4 / (d + 2), "L1": 8 / ((d + 1) * (d + 2))}[name]
    assert drawn.square().mean(0).tolist() == pytest.approx([second] * d, rel=0.04)
    covariance = drawn.T @ drawn / n
    off_diagonal = covariance - covariance.diag().diag()
    assert off_diagonal.abs().max() < 5 * second / math.sqrt(n)
    assert drawn.mean(0).abs().max() < 5 * math.sqrt(second / n)


@pytest.mark.parametrize("name", BALLS)
def test_the_length_of_a_step_does_not_depend_on_the_gradient(name: str) -> None:
    gradient = normal(5, 3, 8, 8) * torch.tensor([1e-30, 1e-8, 1.0, 1e8, 0.0]).view(-1, 1, 1, 1)
    at = HALF.expand(gradient.shape)
    up = BALLS[name](1.0).step(gradient.clone(), 0.25, at=at)
    assert lengths(name, up).tolist() == pytest.approx([0.25] * 4 + [0.0])
    down = BALLS[name](1.0).step(gradient.clone(), -0.25, at=at)
    assert torch.allclose(down, -up)
    single = BALLS[name](1.0).step(gradient.float(), 0.25, at=at.float())
    assert torch.allclose(single[1:], up.float()[1:], atol=1e-6), "single precision does not underflow"


def test_an_l2_step_raises_a_linear_loss_by_its_length_times_the_gradients() -> None:
    gradient = normal(4, 1, 6, 6)
    at = HALF.expand(gradient.shape)
    gain = (L2(1.0).step(gradient, 0.5, at=at) * gradient).flatten(1).sum(1)
    assert gain.tolist() == pytest.approx((0.5 * lengths("L2", gradient)).tolist())


def test_an_l1_step_moves_the_steepest_percent_of_the_entries_equally() -> None:
    gradient = normal(4, 3, 10, 20)
    step = L1(1.0).step(gradient, 0.6, at=HALF.expand(gradient.shape)).flatten(1)
    for moved, slope in zip(step, gradient.flatten(1), strict=True):
        indices = moved.nonzero().flatten()
        assert set(indices.tolist()) == set(slope.abs().topk(6).indices.tolist())
        assert torch.allclose(moved[indices], 0.1 * slope[indices].sign())


def test_an_l1_step_moves_tied_entries_together() -> None:
    gradient = torch.tensor([1.0, -1.0, 1.0, 0.5]).view(1, 1, 2, 2)
    step = L1(1.0).step(gradient, 0.3, at=torch.full((1, 1, 2, 2), 0.5))
    assert step.flatten().tolist() == pytest.approx([0.1, -0.1, 0.1, 0.0])


@pytest.mark.parametrize("ball", [L1(1.0), L2(1.0)])
def test_a_step_has_no_entry_that_leaves_the_pixel_range(ball: NormBall) -> None:
    gradient = torch.tensor([4.0, -4.0, 4.0, -4.0, 1.0, 0.0]).view(1, 1, 2, 3)
    at = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.5, 0.5]).view(1, 1, 2, 3)
    up = ball.step(gradient, 0.5, at=at).flatten()
    assert up[:2].tolist() == [0, 0]
    assert up[2] > 0 > up[3]
    down = ball.step(gradient, -0.5, at=at).flatten()
    assert down[2:4].tolist() == [0, 0]
    assert down[0] < 0 < down[1]


def project_by_bisection(perturbation: Tensor, radius: float) -> Tensor:
    """The projection onto an L1 ball; the amount by which all entries move towards zero is found by bisection."""
    low, high = torch.zeros(len(perturbation), 1), perturbation.abs().amax(1, keepdim=True)
    for _ in range(200):
        middle = (low + high) / 2
        outside = (perturbation.abs() - middle).clamp(min=0).sum(1, keepdim=True) > radius
        low, high = torch.where(outside, middle, low), torch.where(outside, high, middle)
    projected = perturbation.sign() * (perturbation.abs() - high).clamp(min=0)
    return torch.where(perturbation.abs().sum(1, keepdim=True) <= radius, perturbation, projected)


def test_projections_equal_reference_implementations() -> None:
    far = normal(60, 48) * torch.logspace(-3, 2, 60, dtype=torch.float64)[:, None]
    far[7, 10:] = 0.0
    far[8] = 0.25
    reference = {
        "Linf": far.clamp(-0.7, 0.7),
        "L2": torch.stack([v if v.norm() <= 0.7 else v / v.norm() * 0.7 for v in far]),
        "L1": project_by_bisection(far, 0.7),
    }
    for name, expected in reference.items():
        projected = BALLS[name](0.7).project(far.clone().view(60, 3, 4, 4)).flatten(1)
        assert torch.allclose(projected, expected, atol=1e-12, rtol=0), name


@pytest.mark.parametrize("name", BALLS)
def test_no_point_of_the_ball_is_nearer_than_the_projection(name: str) -> None:
    """The projection p of v is the only point with (v - p) . (q - p) <= 0 for every q in the ball; p projects to p."""
    ball = BALLS[name](0.5)
    v = normal(50, 1, 2, 4)
    p = ball.project(v.clone())
    assert (lengths(name, p) <= 0.5 + 1e-12).all()
    assert torch.allclose(ball.project(p.clone()), p, atol=1e-12, rtol=0)
    for seed in range(20):
        q = (
            1.01 * ball.random_init(v, generator=rng(seed))
            if seed % 2
            else ball.project(10 * normal(50, 1, 2, 4, seed=seed))
        )
        q = ball.project(q)
        assert (((v - p) * (q - p)).flatten(1).sum(1) <= 1e-12).all()


@pytest.mark.parametrize("name", BALLS)
def test_a_ball_of_radius_zero_contains_only_zero(name: str) -> None:
    ball = BALLS[name](0.0)
    assert not ball.project(normal(3, 1, 2, 2)).any()
    assert not ball.project(torch.zeros(3, 1, 2, 2)).any()
    assert not ball.random_init(torch.zeros(3, 1, 2, 2), generator=rng()).any()


def test_an_linf_step_is_the_sign_of_the_gradient() -> None:
    gradient = torch.tensor([3.0, -0.1, 0.0]).view(1, 1, 1, 3)
    assert Linf(1.0).step(gradient, 0.2, at=gradient).flatten().tolist() == pytest.approx([0.2, -0.2, 0.0])
