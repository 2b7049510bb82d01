"""Zips of small drawn images, for tests that need an upload."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

MAX_DIFFERENT = 40  # different images per class; further ones repeat them


def write_images_zip(
    path: Path, *, classes: int = 2, per_class: int = 8, size: int = 32, pixel_noise: int = 12
) -> Path:
    """Write a zip with one folder of PNGs for each class. Every class has its own colour and stripes.

    Args:
        path: Where the zip is written; also returned.
        classes: Number of classes.
        per_class: Number of images in each class.
        size: Width and height in pixels.
        pixel_noise: Standard deviation of the pixel noise, of 255. With 0 the images of a class are the same.
    """
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for label in range(classes):
            stripes = np.sin(np.arange(size) * (label + 1) * 0.7)[None, :, None]
            tint = rng.uniform(60, 200, size=3)
            files: list[bytes] = []
            for _ in range(min(per_class, MAX_DIFFERENT) if pixel_noise else 1):
                noise = rng.normal(0, pixel_noise, size=(size, size, 3)) if pixel_noise else np.zeros((size, size, 3))
                pixels = np.clip(tint + 40 * stripes + noise, 0, 255).astype(np.uint8)
                out = io.BytesIO()
                Image.fromarray(pixels).save(out, "PNG", compress_level=1)
                files.append(out.getvalue())
            for number in range(per_class):
                archive.writestr(f"class-{label}/{number:05}.png", files[number % len(files)])
    return path
