"""Orthogonal projection (Sandoval-Segura et al., NeurIPS 2023, section 4.4): remove linearly predictive directions.

A linear classifier is trained on the images. They are then projected onto the orthogonal complement of its weights.
This removes noise that is one pattern per class almost completely.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.countermeasures.preprocessing import images_per_chunk, to_uint8
from core.training.batches import Batches

EPOCHS, BATCH_SIZE = 20, 1024
# divided by the total variance of the pixels: on CIFAR-10 this comes to about the 0.1 of the source's code
LEARNING_RATE = 19.0
MIN_SINGULAR_VALUE = 1e-3  # as a share of the largest one


def orthogonal_projection(pixels: Tensor, labels: Tensor, *, generator: torch.Generator) -> Tensor:
    """Remove from the differences to the mean image their part along the predictive directions.

    Args:
        pixels: Images uint8 (n, c, h, w).
        labels: int64 (n,).
        generator: The source of the order of the batches, on the device of the images.

    Returns:
        The projected images, uint8 (n, c, h, w).
    """
    mean = _mean_image(pixels)
    directions = predictive_directions(pixels, labels, mean=mean, generator=generator)

    def project(chunk: Tensor) -> Tensor:
        x = chunk.flatten(1).float() - mean
        return to_uint8(x - (x @ directions) @ directions.T + mean).reshape(chunk.shape)

    return torch.cat([project(chunk) for chunk in pixels.split(images_per_chunk(pixels))])


def predictive_directions(pixels: Tensor, labels: Tensor, *, mean: Tensor, generator: torch.Generator) -> Tensor:
    """Find an orthonormal basis of the weights of a linear classifier.

    The classifier is a softmax regression without bias. SGD starts at zero; the learning rate is divided by 10 after
    half and after three quarters of the updates.

    Args:
        pixels: Images uint8 (n, c, h, w).
        labels: int64 (n,).
        mean: The mean image in units of 255, float (c h w,).
        generator: The source of the order of the batches, on the device of the images.

    Returns:
        float (c h w, k), k <= the number of classes; the columns are orthonormal.
    """
    classes = int(labels.max()) + 1
    weights = torch.zeros(classes, pixels[0].numel(), device=pixels.device)
    batches = Batches(len(labels), BATCH_SIZE, generator=generator)
    updates = EPOCHS * len(labels) // min(BATCH_SIZE, len(labels))
    rate = LEARNING_RATE / _total_variance(pixels, mean)
    for step in range(updates):
        batch = next(batches)
        x = (pixels[batch].flatten(1).float() - mean) / 255
        error = F.softmax(x @ weights.T, dim=1) - F.one_hot(labels[batch], classes)
        weights -= rate * 0.1 ** ((2 * step >= updates) + (4 * step >= 3 * updates)) * error.T @ x / len(x)
    _, singular_values, directions = torch.linalg.svd(weights, full_matrices=False)
    return directions[singular_values > MIN_SINGULAR_VALUE * singular_values[0]].T


def _mean_image(pixels: Tensor) -> Tensor:
    """float (c h w,), in units of 255."""
    chunks = pixels.split(images_per_chunk(pixels))
    return torch.stack([chunk.flatten(1).double().sum(0) for chunk in chunks]).sum(0).div(len(pixels)).float()


def _total_variance(pixels: Tensor, mean: Tensor) -> float:
    """The mean squared distance from the mean image, of pixels in [0, 1]; never zero."""
    chunks = pixels.split(images_per_chunk(pixels))
    total = torch.stack([((chunk.flatten(1).float() - mean) / 255).square().sum() for chunk in chunks]).sum()
    return max(total.item() / len(pixels), 1e-6)
