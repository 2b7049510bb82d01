"""The stem, a network's first convolution: for small images as is usual for CIFAR-10, for others as for ImageNet."""

from torch import nn

SMALL_STEM_MAX_SIZE = 64  # px; up to this size a network keeps the full resolution, as for CIFAR-10 and Tiny ImageNet


def uses_small_stem(size: int) -> bool:
    """Whether the stem for images of `size` pixels is a 3x3 convolution with stride 1 and no max-pool."""
    return size <= SMALL_STEM_MAX_SIZE


def make_stem(channels: int, width: int, *, size: int) -> nn.Conv2d:
    """Make the first convolution, with random weights from torch's global generator.

    Args:
        channels: The channels of an image.
        width: The channels of the output.
        size: The height and width of an image in pixels; those of the output are the same for small images, else half.
    """
    if uses_small_stem(size):
        return nn.Conv2d(channels, width, 3, stride=1, padding=1, bias=False)
    return nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
