"""Small trained generators for tests: a card, and a network that it is true of."""

from pathlib import Path
from typing import Any

import torch

from core.generators.card import Card
from core.models.registry import build_network, last_layer
from core.noise.generator_file import save_generator
from core.noise.noise_network import NoiseNetwork, create_noise_network
from tests.support import generator_rows

CLASSES = ("cat", "dog", "newt")


def a_card(**other: Any) -> Card:
    """The card of a generator called “drawn”."""
    return generator_rows.a_card(**({"name": "drawn", "class_names": CLASSES, "seed": 5} | other))


def a_network(model: torch.nn.Module, *, size: int = 32, seed: int = 2) -> NoiseNetwork:
    """A noise network for that model and pictures in colour."""
    classes = last_layer(model).out_features
    return create_noise_network(model, channels=3, size=size, classes=classes, radius=8, seed=seed).eval()


def a_model(*, channels: int = 3, classes: int = 3, size: int = 32, seed: int = 1) -> torch.nn.Module:
    """A network as on that card, with running statistics of its own."""
    model = build_network("small", channels=channels, size=size, classes=classes, seed=seed, device="cpu")
    model.train()
    model(torch.rand(8, channels, size, size, generator=torch.Generator().manual_seed(0)))
    return model.eval()


def write_generator(folder: Path) -> Path:
    """The file of `a_model` with `a_card`."""
    path = folder / "drawn.safetensors"
    save_generator(a_model(), a_card(), path)
    return path
