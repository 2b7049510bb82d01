"""A secret in the noise of a network that everyone has: without the key of a job nobody can compute the noise again."""

import copy
import hashlib

import numpy as np
import torch
from numpy.typing import NDArray

from core.generators.secret_vectors import is_rotated
from core.noise.noise_network import NoiseNetwork


def with_secret_directions(network: NoiseNetwork, key: bytes) -> NoiseNetwork:
    """Rotate the vectors of all classes at random (docs/adr/0017-secret-noise.md), or only deal them out if few.

    Rotated vectors are on average as long, and as far from each other, as those that the network was trained with.

    Args:
        network: A trained noise network; it stays as it is.
        key: The secret that everything random follows from.

    Returns:
        A copy whose noise for a class is that of no class of `network`, or that of another one.
    """
    mixed = copy.deepcopy(network)
    vectors = mixed.directions.weight
    digest = hashlib.sha256(b"directions of classes" + key).digest()
    rng = np.random.default_rng(int.from_bytes(digest))
    count = len(vectors)
    mixing = _rotation(count, rng) if is_rotated(count) else rng.permutation(np.eye(count))
    with torch.no_grad():
        vectors.copy_(torch.from_numpy(mixing).to(vectors) @ vectors)
    return mixed


def _rotation(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """An orthogonal matrix (size, size), every one as likely (Mezzadri, Notices of the AMS 54(5), 2007)."""
    orthogonal, upper = np.linalg.qr(rng.standard_normal((size, size)))
    rotation: NDArray[np.float64] = orthogonal * np.sign(np.diag(upper))
    return rotation
