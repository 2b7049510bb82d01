"""Small noise networks, and images for them."""

import numpy as np
import torch
from torch import Tensor

from core.models.registry import last_layer
from core.noise.noise_network import NoiseNetwork, create_noise_network

COUNT, RADIUS = 96, 8


def a_network(surrogate: torch.nn.Module, *, channels: int = 3, size: int = 32, seed: int = 0) -> NoiseNetwork:
    classes = last_layer(surrogate).out_features
    return create_noise_network(surrogate, channels=channels, size=size, classes=classes, radius=RADIUS, seed=seed)


def some_images(count: int = COUNT, *, channels: int = 3, size: int = 32) -> tuple[Tensor, Tensor]:
    pixels = np.random.default_rng(0).integers(0, 256, (count, channels, size, size)).astype(np.uint8)
    return torch.from_numpy(pixels), torch.arange(count) % 3
