"""The neural tangent kernel of an infinitely wide fully connected network, in closed form (Jacot et al. 2018).

A layer maps the covariance K of its inputs (Lee et al. 2019) to

    K' = w k1(K) + b,    T' = K' + w k0(K) T,    k1 = E[phi(u) phi(v)],  k0 = E[phi'(u) phi'(v)],  (u, v) ~ N(0, K)

w and b being the variances of weights and biases; T after the last layer is the kernel. k1 and k0 are the arc-cosine
kernels of ReLU (Cho & Saul 2009) and the arc-sine kernel of erf (Williams 1997).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

NEARLY_ONE = 1 - 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class WideNetwork:
    """An infinitely wide fully connected network; the defaults are those of Yuan & Wu (2021).

    Attributes:
        depth: The number of hidden layers; a linear output layer follows.
        activation: "erf" or "relu".
        weight_variance: W, the variance of the weights.
        bias_variance: B, the variance of the biases.
    """

    depth: int = 5
    activation: str = "erf"
    weight_variance: float = 1.76
    bias_variance: float = 0.18

    def kernel(self, a: Tensor, b: Tensor) -> Tensor:
        """The tangent kernel of two sets of images; differentiable in both, also where they are the same.

        Args:
            a: float64 (m, d), an image in each row. float32 is too coarse: the kernels of images differ in late digits.
            b: float64 (n, d).

        Returns:
            (m, n). A row of zeros needs a bias variance above 0.
        """
        moments = _erf if self.activation == "erf" else _relu
        covariance = self._layer(a @ b.T / a.shape[1])
        variance_a, variance_b = (self._layer(x.square().mean(1)) for x in (a, b))
        tangent = covariance
        for _ in range(self.depth):
            k1, k0 = moments(covariance, variance_a[:, None], variance_b[None])
            covariance = self._layer(k1)
            tangent = covariance + self.weight_variance * k0 * tangent
            variance_a, variance_b = (self._layer(moments(v, v, v)[0]) for v in (variance_a, variance_b))
        return tangent

    def _layer(self, covariance: Tensor) -> Tensor:
        return self.weight_variance * covariance + self.bias_variance


def _erf(covariance: Tensor, variance_a: Tensor, variance_b: Tensor) -> tuple[Tensor, Tensor]:
    """(k1, k0) of erf. The argument of the arcsine stays below 1, also on the diagonal."""
    scale = ((1 + 2 * variance_a) * (1 + 2 * variance_b)).sqrt()
    sine = 2 * covariance / scale
    return 2 / math.pi * torch.asin(sine), 4 / math.pi / (scale * (1 - sine.square()).sqrt())


def _relu(covariance: Tensor, variance_a: Tensor, variance_b: Tensor) -> tuple[Tensor, Tensor]:
    """(k1, k0) of ReLU. For two equal images the angle is 0, and so is its gradient, whose limit is infinite."""
    scale = (variance_a * variance_b).sqrt()
    cosine = covariance / scale
    inside = cosine.abs() < NEARLY_ONE
    edge = torch.where(cosine > 0, 0.0, math.pi).to(cosine.dtype)
    angle = torch.where(inside, torch.arccos(torch.where(inside, cosine, 0.0)), edge)
    k1 = scale / (2 * math.pi) * (torch.sin(angle) + (math.pi - angle) * torch.cos(angle))
    return k1, (math.pi - angle) / (2 * math.pi)
