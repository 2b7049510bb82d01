"""The prediction of an infinitely wide network after training for a time t: kernel gradient flow on the squared error.

f_t(v) = T(v, X) g(T(X, X)) y,    g(l) = (1 - exp(-l t)) / l    (Lee et al. 2019; Yuan & Wu 2021)
"""

from typing import Any

import torch
from torch import Tensor

SMALL = 1e-2  # below it the series in `_slope` is more exact
CLOSE = 1e-4  # relative to 1 + l t: closer eigenvalues take the slope in place of the divided difference


def dual_coefficients(kernel: Tensor, y: Tensor, *, time: float) -> Tensor:
    """g(T) y, which T(v, X) maps to the prediction for v; differentiable.

    Args:
        kernel: T, symmetric (n, n).
        y: The targets (n, k).
        time: T, of gradient flow on half the sum of squared errors.

    Returns:
        (n, k).
    """
    return _Flow.apply(kernel, y, time)


class _Flow(torch.autograd.Function):
    """g(T) y by eigendecomposition, with the derivative of Daleckii and Krein.

    It is finite for equal eigenvalues, where the gradient of `torch.linalg.eigh` divides by zero.
    """

    @staticmethod
    def forward(ctx: Any, kernel: Tensor, y: Tensor, time: float) -> Tensor:
        values, vectors = torch.linalg.eigh((kernel + kernel.T) / 2)
        exponents = values * time
        ctx.save_for_backward(exponents, vectors, y)
        ctx.time = time
        return time * vectors @ (_level(exponents)[:, None] * (vectors.T @ y))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        exponents, vectors, y = ctx.saved_tensors
        seen, given = vectors.T @ gradient, vectors.T @ y
        inner = ctx.time**2 * _divided_differences(exponents) * (seen @ given.T)
        to_kernel = vectors @ ((inner + inner.T) / 2) @ vectors.T
        return to_kernel, ctx.time * vectors @ (_level(exponents)[:, None] * seen), None


def _level(a: Tensor) -> Tensor:
    """(1 - exp(-a)) / a, which is g / t at a = l t."""
    safe = torch.where(a == 0, 1.0, a)
    return torch.where(a == 0, 1.0, -torch.expm1(-safe) / safe)


def _slope(a: Tensor) -> Tensor:
    """The derivative of `_level`."""
    small = a.abs() < SMALL
    safe = torch.where(small, 1.0, a)
    series = -1 / 2 + a * (1 / 3 - a * (1 / 8 - a * (1 / 30 - a * (1 / 144 - a / 840))))
    return torch.where(small, series, (safe * torch.exp(-safe) + torch.expm1(-safe)) / safe**2)


def _divided_differences(a: Tensor) -> Tensor:
    """(level(a_i) - level(a_j)) / (a_i - a_j): (n,) -> (n, n)."""
    level, gap = _level(a), a[:, None] - a[None]
    middle = (a[:, None] + a[None]) / 2
    close = gap.abs() < CLOSE * (1 + middle)
    quotient = (level[:, None] - level[None]) / torch.where(close, 1.0, gap)
    return torch.where(close, _slope(middle), quotient)
