"""Draw the demo's dataset: photograph-like images of six materials, as a zip of class folders with a test split.

    python examples/draw_photographs.py photographs.zip

Each shows a thing of one material before a blurred background, with light from a side, soft edges and grain, as JPEG.
Colour and brightness do not depend on the class, so a network has to learn the patterns. The same seed gives the same
bytes.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).parent))  # so that this runs as a script and as a module

from draw_pictures import PATTERNS, Field, Rng, encode, run, write_zip

TRAIN_IMAGES, TEST_IMAGES = 20, 10  # per class
SIZES = ((320, 240), (240, 320), (288, 288), (336, 224))  # width and height in pixels
QUALITIES = (80, 86, 92)
SMALL = 8  # the background is out of focus, and drawn at an eighth of the size
README = "Photograph-like images drawn for Unteachable's demo. Free to use for anything.\n"


def draw(material: str, rng: Rng) -> Image.Image:
    """Draw one image.

    Args:
        material: A key of PATTERNS.
        rng: Chooses everything else.
    """
    width, height = SIZES[rng.integers(len(SIZES))]
    y, x = np.mgrid[0:height, 0:width] / max(height, width) - 0.5
    background = _enlarged(_background(x[::SMALL, ::SMALL], y[::SMALL, ::SMALL], rng), width, height)
    tilted, upright = _turned(x - rng.uniform(-0.1, 0.1), y - rng.uniform(-0.1, 0.1), rng)
    power = rng.uniform(2, 6)  # from an ellipse to a box with round corners
    extent = rng.uniform(0.26, 0.4, 2)
    distance = np.abs(tilted / extent[0]) ** power + np.abs(upright / extent[1]) ** power - 1
    thing = 1 / (1 + np.exp(60 * np.clip(distance, -1, 1)))
    u, v = _turned(x, y, rng)
    scale = rng.uniform(28, 50)
    mask = 1 / (1 + np.exp(-5 * PATTERNS[material](scale * u, scale * v, rng)))
    one, other = rng.uniform(30, 225, (2, 3))
    colours = other + (one - other) * mask[..., None] * rng.uniform(0.5, 0.9)
    light = 1 + rng.uniform(0.2, 0.5) * (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1))
    scene = background + (colours * light[..., None] - background) * thing[..., None]
    soft = Image.fromarray(_as_bytes(scene)).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 0.9)))
    grain = rng.normal(0, rng.uniform(1, 4), (height, width, 1)) + rng.normal(0, 1, (height, width, 3))
    return Image.fromarray(_as_bytes(np.asarray(soft, np.float64) + grain))


def _background(x: Field, y: Field, rng: Rng) -> NDArray[np.float64]:
    """Light and dark places that are out of focus, (h, w, 3)."""
    scene = rng.uniform(40, 210, 3) + (x[..., None] * rng.uniform(-70, 70, 3) + y[..., None] * rng.uniform(-70, 70, 3))
    for _ in range(rng.integers(5, 10)):
        distance = np.hypot(x - rng.uniform(-0.6, 0.6), y - rng.uniform(-0.6, 0.6))
        spot = 1 / (1 + np.exp(rng.uniform(20, 60) * (distance - rng.uniform(0.05, 0.25))))
        scene = scene + (rng.uniform(10, 245, 3) - scene) * spot[..., None] * rng.uniform(0.3, 0.9)
    return scene


def _enlarged(values: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    small = Image.fromarray(_as_bytes(values))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float64)


def _turned(x: Field, y: Field, rng: Rng) -> tuple[Field, Field]:
    angle = rng.uniform(0, 2 * np.pi)
    return x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)


def _as_bytes(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def files(seed: int) -> dict[str, bytes]:
    """All files of the dataset by path, in the order of the zip."""
    rng = np.random.default_rng(seed)
    contents = {"photographs/README.txt": README.encode()}
    for split, count in (("train", TRAIN_IMAGES), ("test", TEST_IMAGES)):
        for material in PATTERNS:
            for number in range(count):
                pixels, quality = np.asarray(draw(material, rng)), int(rng.choice(QUALITIES))
                contents[f"photographs/{split}/{material}/{number:03d}.jpg"] = encode(pixels, "JPEG", quality=quality)
    return contents


def write(out: Path, *, seed: int = 0) -> None:
    """Write the dataset as a zip.

    Args:
        out: The zip to write.
        seed: The same seed gives the same bytes.
    """
    write_zip(out, files(seed))


if __name__ == "__main__":
    run(__doc__, write)
