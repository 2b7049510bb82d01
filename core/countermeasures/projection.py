"""Orthogonal projection (Sandoval-Segura et al., NeurIPS 2023, section 4.4): remove what a linear classifier goes by.

A linear classifier is trained on the pictures as they were scraped; they are then projected onto the orthogonal
complement of its weights. Noise that is one pattern a class is removed by it almost whole.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.countermeasures.preprocessing import rows_at_once, to_pixels
from core.training.batches import Batches

EPOCHS, BATCH = 20, 1024
LEARNING_RATE = 19.0  # over the total variance of the pixels: about the 0.1 of the source's code on CIFAR-10
NEGLIGIBLE = 1e-3  # of the greatest singular value


def orthogonal_projection(pixels: Tensor, labels: Tensor, *, generator: torch.Generator) -> Tensor:
    """uint8 (n, c, h, w) and labels (n,) to the images less their part along the most predictive directions.

    The mean image stays: the projection is of the differences from it.
    """
    mean = _mean_image(pixels)
    directions = predictive_directions(pixels, labels, mean=mean, generator=generator)

    def project(part: Tensor) -> Tensor:
        x = part.flatten(1).float() - mean
        return to_pixels(x - (x @ directions) @ directions.T + mean).reshape(part.shape)

    return torch.cat([project(part) for part in pixels.split(rows_at_once(pixels))])


def predictive_directions(pixels: Tensor, labels: Tensor, *, mean: Tensor, generator: torch.Generator) -> Tensor:
    """Orthonormal columns (d, k), k <= classes, that span the weights of a linear classifier of the pixels, d = c h w.

    Softmax regression without bias by SGD from zero, the learning rate divided by 10 after half and three quarters.
    """
    classes = int(labels.max()) + 1
    weights = torch.zeros(classes, pixels[0].numel(), device=pixels.device)
    batches = Batches(len(labels), BATCH, generator=generator)
    updates = EPOCHS * len(labels) // min(BATCH, len(labels))
    rate = LEARNING_RATE / _total_variance(pixels, mean)
    for step in range(updates):
        chosen = next(batches)
        x = (pixels[chosen].flatten(1).float() - mean) / 255
        error = F.softmax(x @ weights.T, dim=1) - F.one_hot(labels[chosen], classes)
        weights -= rate * 0.1 ** ((2 * step >= updates) + (4 * step >= 3 * updates)) * error.T @ x / len(x)
    _, strength, directions = torch.linalg.svd(weights, full_matrices=False)
    return directions[strength > NEGLIGIBLE * strength[0]].T


def _mean_image(pixels: Tensor) -> Tensor:
    """float (d,), in units of 255."""
    parts = pixels.split(rows_at_once(pixels))
    return torch.stack([part.flatten(1).double().sum(0) for part in parts]).sum(0).div(len(pixels)).float()


def _total_variance(pixels: Tensor, mean: Tensor) -> float:
    """The mean squared distance from the mean image, pixels in [0, 1]; never zero."""
    parts = pixels.split(rows_at_once(pixels))
    total = torch.stack([((part.flatten(1).float() - mean) / 255).square().sum() for part in parts]).sum()
    return max(total.item() / len(pixels), 1e-6)
