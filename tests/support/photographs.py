"""Drawn photographs: smooth areas, edges and grain, as noise meets them on real ones."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def photograph(width: int = 200, height: int = 150, seed: int = 0, *, grain: float | None = None) -> Image.Image:
    """A drawn photograph, RGB.

    Args:
        width: In pixels.
        height: In pixels.
        seed: Of all that is drawn.
        grain: Standard deviation of its finest detail, of 255; default: from 1 to 6, by the seed.
    """
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:height, 0:width] / max(width, height)
    tone = rng.uniform(40, 200, 3) + np.stack([60 * across, 40 * down, 50 * across * down], -1) * rng.choice([-1, 1])
    image = Image.fromarray(np.clip(tone, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y, size = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.05, 0.3) * width
        draw.ellipse((x - size, y - size / 2, x + size, y + size / 2), fill=tuple(map(int, rng.integers(20, 235, 3))))
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(1.5)), np.float32)
    detail = rng.normal(0, 1, (height, width, 1)) * (rng.uniform(1, 6) if grain is None else grain)
    return Image.fromarray(np.clip(soft + detail, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    """The image as a JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()
