"""A secret in the noise of a network that everyone has: without the key of a job nobody can compute the noise again."""

import copy
import hashlib

import numpy as np
import torch

from core.noise.noise_network import NoiseNetwork


def with_secret_directions(network: NoiseNetwork, key: bytes) -> NoiseNetwork:
    """Mix the vectors of all classes by a random rotation that follows from a key (docs/adr/0017-secret-noise.md).

    The mixed vectors are on average as long, and as far from each other, as those that the network was trained with.

    Args:
        network: A trained noise network; it stays as it is.
        key: The secret.

    Returns:
        A copy whose noise for a class is that of no class of `network`.
    """
    mixed = copy.deepcopy(network)
    vectors = mixed.directions.weight
    digest = hashlib.sha256(b"directions of classes" + key).digest()
    random = np.random.default_rng(int.from_bytes(digest)).standard_normal((len(vectors), len(vectors)))
    orthogonal, upper = np.linalg.qr(random)
    rotation = torch.from_numpy(orthogonal * np.sign(np.diag(upper)))  # so that every rotation is as likely
    with torch.no_grad():
        vectors.copy_(rotation.to(vectors) @ vectors)
    return mixed
