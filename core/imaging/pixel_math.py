"""Arithmetic on decoded images: resize, add noise, measure the difference. Alpha never changes."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

ZERO = 128  # the pixel value that stands for noise 0 in an image of noise


def without_alpha(image: Image.Image) -> Image.Image:
    """The image as L or RGB; colours under transparent pixels stay as they are stored."""
    if image.mode in ("LA", "RGBA"):
        bands = image.split()[:-1]
        return bands[0] if len(bands) == 1 else Image.merge("RGB", bands)
    return image


def resized_pixels(image: Image.Image, size: int, channels: int) -> NDArray[np.uint8]:
    """The colour values at `size` x `size`, resized by an antialiased triangle filter unless the size is right.

    Args:
        image: L, RGB, LA or RGBA.
        size: Width and height in pixels; the aspect ratio changes.
        channels: 3 makes three equal channels of a greyscale image; 1 takes a greyscale image only.

    Returns:
        uint8 (channels, size, size).
    """
    small = without_alpha(image)
    if small.size != (size, size):
        small = small.resize((size, size), Image.Resampling.BILINEAR)
    if channels == 3 and small.mode == "L":
        small = small.convert("RGB")
    values = np.asarray(small)
    return np.ascontiguousarray(values[None] if values.ndim == 2 else values.transpose(2, 0, 1))


def resized_noise(noise: NDArray[np.int8], width: int, height: int, radius: int) -> Image.Image:
    """Noise at an image's size, as an image with the values noise + 128.

    A triangle filter takes means with positive weights, so the resized noise never exceeds the radius.

    Args:
        noise: int8 (1 or 3, s, s); values beyond the radius are clipped.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
        radius: Maximum absolute value, of 255.
    """
    biased = (np.clip(noise.astype(np.int16), -radius, radius) + ZERO).astype(np.uint8)
    flat = biased[0] if len(biased) == 1 else np.ascontiguousarray(biased.transpose(1, 2, 0))
    image = Image.fromarray(flat)
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.BILINEAR)


def add_noise(image: Image.Image, noise: NDArray[np.int8], radius: int) -> Image.Image:
    """The image with noise added to its colours and clipped to 0..255.

    Args:
        image: L, RGB, LA or RGBA. A greyscale image takes the mean of the noise's channels and stays greyscale.
        noise: int8 (1 or 3, s, s).
        radius: Maximum absolute value of the noise, of 255.
    """
    if not noise.any():
        return image
    plain = without_alpha(image)
    if plain.mode == "L" and len(noise) == 3:
        noise = np.rint(noise.astype(np.float32).mean(0, keepdims=True)).astype(np.int8)
    elif plain.mode == "RGB" and len(noise) == 1:
        noise = np.repeat(noise, 3, axis=0)
    resized = resized_noise(noise, image.width, image.height, radius)
    changed = ImageChops.add(plain, resized, scale=1.0, offset=-ZERO)  # clips to 0..255
    if image.mode not in ("LA", "RGBA"):
        return changed
    return Image.merge(image.mode, (*changed.split(), image.getchannel("A")))


def pixel_difference(before: Image.Image, after: Image.Image, radius: int) -> dict[str, float]:
    """How much the colour values of two images of one size differ.

    Args:
        before: L, RGB, LA or RGBA.
        after: The same.
        radius: Of the noise, of 255.

    Returns:
        `linf`, `mae` and `mse` over all colour values, in pixel units of 255, and `beyond`, the share of colour values
        that changed by more than the radius.
    """
    first, second = without_alpha(before), without_alpha(after)
    if first.mode != second.mode:
        first, second = first.convert("RGB"), second.convert("RGB")
    counts = np.array(ImageChops.difference(first, second).histogram(), np.int64).reshape(-1, 256).sum(0)
    steps = np.arange(256)
    return {
        "linf": float(np.flatnonzero(counts)[-1]),
        "mae": float(counts @ steps / counts.sum()),
        "mse": float(counts @ steps**2 / counts.sum()),
        "beyond": float(counts[radius + 1 :].sum() / counts.sum()),
    }
