"""The tangent kernel against formulas and wide networks, and what training by it predicts against an integration."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.func import functional_call, jacrev

from core.noise.ntga.gradient_flow import dual_coefficients
from core.noise.ntga.ntk import WideNetwork
from tests.support.seeded import rng


def rows(n: int, d: int = 12, *, seed: int = 0) -> Tensor:
    return torch.rand(n, d, generator=rng(seed), dtype=torch.float64)


class Finite(torch.nn.Module):
    """A finite network in the parameterization that the kernel is the limit of: weights N(0, 1), scaled in use."""

    def __init__(self, wide: WideNetwork, *, inputs: int, width: int, seed: int) -> None:
        super().__init__()
        self.wide, draw = wide, rng(seed)
        sizes = [inputs, *[width] * wide.depth, 1]

        def normal(*shape: int) -> torch.nn.Parameter:
            return torch.nn.Parameter(torch.randn(shape, generator=draw, dtype=torch.float64))

        self.weights = torch.nn.ParameterList(normal(o, i) for i, o in pairwise(sizes))
        self.biases = torch.nn.ParameterList(normal(o) for o in sizes[1:])

    def forward(self, x: Tensor) -> Tensor:
        activation = torch.erf if self.wide.activation == "erf" else torch.relu
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = activation(x) if layer else x
            scale = math.sqrt(self.wide.weight_variance / weight.shape[1])
            x = scale * x @ weight.T + math.sqrt(self.wide.bias_variance) * bias
        return x[:, 0]


def empirical_kernel(network: Finite, x: Tensor) -> Tensor:
    """The inner products of the network's gradients by its weights, for every pair of inputs."""
    parameters = dict(network.named_parameters())
    gradients = jacrev(lambda p: functional_call(network, p, (x,)))(parameters)
    return sum(g.flatten(1) @ g.flatten(1).T for g in gradients.values())


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_the_kernel_is_the_limit_of_wide_networks(activation: str) -> None:
    """Within 6 % and three standard errors, for the mean of 48 networks of width 256."""
    wide, x = WideNetwork(depth=2, activation=activation), rows(4)
    found = torch.stack([empirical_kernel(Finite(wide, inputs=12, width=256, seed=s), x) for s in range(48)]).detach()
    away = (found.mean(0) - wide.kernel(x, x)).abs()
    assert (away < 0.06 * wide.kernel(x, x)).all()
    assert (away < 3 * found.std(0) / math.sqrt(48)).all()


def test_one_relu_layer_is_the_arc_cosine_kernel() -> None:
    """By hand for w = 2, b = 0 (Cho & Saul 2009): with u the angle, K' = |a||b| (sin u + (pi - u) cos u) / (pi d)."""
    a, b = rows(3, seed=1) - 0.5, rows(4, seed=2) - 0.5
    norms = a.norm(dim=1)[:, None] * b.norm(dim=1)[None] / 12
    angle = torch.arccos(a @ b.T / 12 / norms)
    covariance = 2 * norms * (torch.sin(angle) + (math.pi - angle) * torch.cos(angle)) / math.pi
    expected = covariance + (math.pi - angle) / math.pi * 2 * norms * torch.cos(angle)
    wide = WideNetwork(depth=1, activation="relu", weight_variance=2.0, bias_variance=0.0)
    assert torch.allclose(wide.kernel(a, b), expected, rtol=1e-12)


def test_one_erf_layer_has_the_moments_of_gaussians() -> None:
    """The expectations that the arc-sine formulas stand for, by Gauss-Hermite quadrature."""
    wide, (a, b) = WideNetwork(depth=1), rows(2).split(1)
    covariance = [[float(1.76 * p @ q.T / 12 + 0.18) for q in (a, b)] for p in (a, b)]
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    u, v = np.linalg.cholesky(np.array(covariance)) @ np.array(np.meshgrid(nodes, nodes)).reshape(2, -1)
    mass = np.outer(weights, weights).ravel() / (2 * math.pi)
    k1 = float(mass @ (torch.erf(torch.tensor(u)) * torch.erf(torch.tensor(v))).numpy())
    k0 = float(mass @ (4 / math.pi * np.exp(-(u**2) - v**2)))
    expected = 1.76 * k1 + 0.18 + 1.76 * k0 * covariance[0][1]
    assert float(wide.kernel(a, b)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_the_kernels_gradient_also_where_images_meet_themselves(activation: str) -> None:
    wide, x, v = WideNetwork(depth=3, activation=activation), rows(4, 5).requires_grad_(), rows(3, 5, seed=1)
    assert gradcheck(lambda x: wide.kernel(x, x), (x,))
    assert gradcheck(lambda x: wide.kernel(v, x), (x,))


def test_the_same_image_twice_has_a_finite_gradient() -> None:
    for activation in ("erf", "relu"):
        x = rows(1).repeat(3, 1).requires_grad_()
        (gradient,) = torch.autograd.grad(WideNetwork(activation=activation).kernel(x, x).sum(), x)
        assert gradient.isfinite().all()


def a_kernel(*values: float) -> Tensor:
    """A symmetric matrix with these eigenvalues."""
    vectors = torch.linalg.qr(torch.randn(len(values), len(values), generator=rng(3), dtype=torch.float64))[0]
    return vectors @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ vectors.T


@pytest.mark.parametrize("values", [(0.5, 1.0, 2.0, 9.0), (1.0, 1.0, 1.0, 3.0), (0.0, 1e-9, 1e-4, 5.0)])
def test_the_flows_gradient_also_where_eigenvalues_meet(values: tuple[float, ...]) -> None:
    kernel, y = a_kernel(*values).requires_grad_(), rows(4, 2).requires_grad_()
    assert gradcheck(lambda k, y: dual_coefficients((k + k.T) / 2, y, time=1.7), (kernel, y), atol=1e-7)


def test_the_flow_is_gradient_descent_in_small_steps() -> None:
    x, v, y = rows(6), rows(3, seed=5), torch.eye(3, dtype=torch.float64).repeat(2, 1)
    wide, time, steps = WideNetwork(), 2.0, 20_000
    kernel, seen = wide.kernel(x, x), wide.kernel(v, x)
    on_x, on_v = torch.zeros(6, 3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
    for _ in range(steps):
        error = (y - on_x) * time / steps
        on_x, on_v = on_x + kernel @ error, on_v + seen @ error
    assert torch.allclose(seen @ dual_coefficients(kernel, y, time=time), on_v, atol=1e-3)


def test_after_a_long_time_the_flow_is_kernel_regression() -> None:
    x, y = rows(6), rows(6, 2, seed=4)
    kernel = WideNetwork().kernel(x, x)
    assert torch.allclose(dual_coefficients(kernel, y, time=1e9), torch.linalg.solve(kernel, y), rtol=1e-6)
