"""A network that gives a picture its noise in one forward pass: the final search, learned once for all pictures.

A generator of perturbations (Poursaeed et al., CVPR 2018), trained on the loss that the search would minimize for each
picture alone, and told the class by a scale and a shift of its channels (FiLM; Perez et al., AAAI 2018).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.models.registry import last_layer

WIDTH, DEPTH = 48, 3
MAP = 16  # px: the side at which it works, as the small surrogate does, whatever the size of the pictures


class _Block(nn.Module):
    """Two 3x3 convolutions with batch norm and a shortcut, (n, WIDTH, h, w) to the same; the class tunes the first."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTH)
        self.conv2 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(WIDTH)
        self.film = nn.Linear(features, 2 * WIDTH)

    def forward(self, x: Tensor, direction: Tensor) -> Tensor:
        scale, shift = self.film(direction)[:, :, None, None].chunk(2, dim=1)
        found = torch.relu(self.bn1(self.conv1(x)) * (1 + scale) + shift)
        return torch.relu(x + self.bn2(self.conv2(found)))


class NoiseNetwork(nn.Module):
    """Images (n, channels, size, size) in [0, 1] and classes (n,) to noise of that shape, |noise| <= radius / 255.

    A class is known by a direction among the `features` of a surrogate's last layer. `size` is a multiple of 16, else
    ValueError; `radius` is in pixel units of 255.
    """

    def __init__(self, *, channels: int, size: int, classes: int, features: int, radius: int) -> None:
        super().__init__()
        if size < MAP or size % MAP:
            raise ValueError(f"size must be a multiple of {MAP}, not {size}")
        self._fold, self._radius = size // MAP, radius * PIXEL
        values = channels * self._fold**2
        self.directions = nn.Embedding(classes, features)
        self.stem = nn.Conv2d(values, WIDTH, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(WIDTH)
        self.blocks = nn.ModuleList(_Block(features) for _ in range(DEPTH))
        self.head = nn.Conv2d(WIDTH, values, 3, padding=1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        direction = self.directions(y)
        found = torch.relu(self.bn(self.stem(F.pixel_unshuffle(x - 0.5, self._fold))))
        for block in self.blocks:
            found = block(found, direction)
        return torch.tanh(F.pixel_shuffle(self.head(found), self._fold)) * self._radius


def create_noise_network(
    surrogate: nn.Module, *, channels: int, size: int, classes: int, radius: int, seed: int
) -> NoiseNetwork:
    """An untrained noise network for a surrogate, on the surrogate's device.

    The direction of each class starts as that of the surrogate's last layer.

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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = NoiseNetwork(channels=channels, size=size, classes=classes, features=rows.shape[1], radius=radius)
    centred = rows - rows.mean(dim=0)
    with torch.no_grad():
        network.directions.weight.copy_(centred / centred.std())
    return network.to(rows.device).to(memory_format=torch.channels_last)
