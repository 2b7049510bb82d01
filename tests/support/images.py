"""Archives of small drawn pictures, for tests that need an upload."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

DISTINCT = 40  # pictures of a class that differ; after these they come again


def pictures_zip(path: Path, *, classes: int = 2, each: int = 8, size: int = 32, grain: int = 12) -> Path:
    """A zip of `classes` folders with `each` PNGs of `size` pixels; every class has its own colour and stripes.

    `grain` is how far single pixels stray; without it all of a class are alike, and large ones are small files.
    """
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for label in range(classes):
            stripes = np.sin(np.arange(size) * (label + 1) * 0.7)[None, :, None]
            tint = rng.uniform(60, 200, size=3)
            drawn: list[bytes] = []
            for _ in range(min(each, DISTINCT) if grain else 1):
                noise = rng.normal(0, grain, size=(size, size, 3)) if grain else np.zeros((size, size, 3))
                pixels = np.clip(tint + 40 * stripes + noise, 0, 255).astype(np.uint8)
                packed = io.BytesIO()
                Image.fromarray(pixels).save(packed, "PNG", compress_level=1)
                drawn.append(packed.getvalue())
            for number in range(each):
                archive.writestr(f"class-{label}/{number:05}.png", drawn[number % len(drawn)])
    return path
