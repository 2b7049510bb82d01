"""A network that predicts the noise of an image in one forward pass, in place of the final search.

It is a generator of perturbations (Poursaeed et al., CVPR 2018), trained on the loss that the search minimizes for each
image. The class enters as a scale and a shift of its channels (FiLM; Perez et al., AAAI 2018).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.models.initial_weights import seeded_weights
from core.models.registry import last_layer

WIDTH, DEPTH = 48, 3  # channels, residual blocks
MAP_SIZE = 16  # px: the side of its feature maps for every image size, as in the small surrogate


class _Block(nn.Module):
    """A residual block (n, WIDTH, h, w) to the same shape, with FiLM by the class after the first convolution."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTH)
        self.conv2 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(WIDTH)
        self.film = nn.Linear(features, 2 * WIDTH)

    def forward(self, x: Tensor, direction: Tensor) -> Tensor:
        scale, shift = self.film(direction)[:, :, None, None].chunk(2, dim=1)
        hidden = torch.relu(self.bn1(self.conv1(x)) * (1 + scale) + shift)
        return torch.relu(x + self.bn2(self.conv2(hidden)))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseNetworkConfig:
    """The arguments of a `NoiseNetwork`, which has them as `config`."""

    channels: int
    size: int
    classes: int
    features: int
    radius: int


class NoiseNetwork(nn.Module):
    """Images (n, channels, size, size) in [0, 1] and labels int64 (n,) to noise, |noise| <= radius / 255.

    Each class has a vector in the feature space of a surrogate's last layer.

    Args:
        channels: 1 or 3.
        size: The side of the images in pixels, a multiple of 16.
        classes: The number of classes.
        features: The length of the vector of a class.
        radius: The bound of the noise in pixel units of 255.

    Raises:
        ValueError: For a size that is no multiple of 16.
    """

    def __init__(self, *, channels: int, size: int, classes: int, features: int, radius: int) -> None:
        super().__init__()
        if size < MAP_SIZE or size % MAP_SIZE:
            raise ValueError(f"size must be a multiple of {MAP_SIZE}, not {size}")
        self._fold, self._radius = size // MAP_SIZE, radius * PIXEL
        self.config = NoiseNetworkConfig(
            channels=channels, size=size, classes=classes, features=features, radius=radius
        )
        values = channels * self._fold**2
        self.directions = nn.Embedding(classes, features)
        self.stem = nn.Conv2d(values, WIDTH, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(WIDTH)
        self.blocks = nn.ModuleList(_Block(features) for _ in range(DEPTH))
        self.head = nn.Conv2d(WIDTH, values, 3, padding=1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        direction = self.directions(y)
        hidden = torch.relu(self.bn(self.stem(F.pixel_unshuffle(x - 0.5, self._fold))))
        for block in self.blocks:
            hidden = block(hidden, direction)
        return torch.tanh(F.pixel_shuffle(self.head(hidden), self._fold)) * self._radius


def create_noise_network(
    surrogate: nn.Module, *, channels: int, size: int, classes: int, radius: int, seed: int
) -> NoiseNetwork:
    """An untrained noise network for a surrogate, on the surrogate's device.

    The vector of each class starts as its centred row of the surrogate's last layer.

    Args:
        surrogate: A trained network whose last layer is linear with `classes` rows.
        channels: 1 or 3.
        size: The side of the images in pixels, a multiple of 16.
        classes: The number of classes.
        radius: The bound of the noise in pixel units of 255.
        seed: The seed of the weights.

    Raises:
        ValueError: For a size that is no multiple of 16.
    """
    rows = last_layer(surrogate).weight.detach()
    with seeded_weights(seed):
        network = NoiseNetwork(channels=channels, size=size, classes=classes, features=rows.shape[1], radius=radius)
    centred = rows - rows.mean(dim=0)
    with torch.no_grad():
        network.directions.weight.copy_(centred / centred.std())
    return network.to(rows.device).to(memory_format=torch.channels_last)
