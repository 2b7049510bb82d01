"""Draw the demo's dataset: images of six patterns in random colours, sizes and directions, as a zip with a test split.

    python examples/draw_pictures.py pictures.zip

Colour and brightness do not depend on the class, so a network has to learn the patterns. The same seed gives the same
bytes. Four files are special on purpose: one has an EXIF orientation, one alpha, one is truncated, one is no image.
"""

import argparse
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.float64]  # (h, w)
Rng = np.random.Generator

TRAIN_IMAGES, TEST_IMAGES = 72, 64  # per class
EDGES = (36, 40, 44, 48, 56, 64, 80, 96)  # in pixels; most shorter edges are below 48, so the work size is 32
README = "Patterns drawn for Unteachable's demo. Free to use for anything.\n"
FILE_TIME = (2026, 1, 1, 0, 0, 0)  # of every file in the zip


def stripes(u: Field, v: Field, rng: Rng) -> Field:
    """Straight stripes."""
    return np.sin(u)


def waves(u: Field, v: Field, rng: Rng) -> Field:
    """Wavy stripes."""
    return np.sin(u + rng.uniform(1.2, 2.0) * np.sin(v * rng.uniform(0.5, 0.8)))


def checks(u: Field, v: Field, rng: Rng) -> Field:
    """A checkerboard."""
    return np.sin(u) * np.sin(v) * 2


def dots(u: Field, v: Field, rng: Rng) -> Field:
    """A grid of discs."""
    return np.cos(u) + np.cos(v) - rng.uniform(0.4, 0.9)


def rings(u: Field, v: Field, rng: Rng) -> Field:
    """Concentric rings."""
    return np.sin(np.hypot(u, v))


def rays(u: Field, v: Field, rng: Rng) -> Field:
    """Wedges that meet in one point."""
    return np.sin(np.arctan2(v, u) * rng.integers(4, 8))


PATTERNS: dict[str, Callable[[Field, Field, Rng], Field]] = {
    "checks": checks,
    "dots": dots,
    "rays": rays,
    "rings": rings,
    "stripes": stripes,
    "waves": waves,
}


def draw(pattern: str, rng: Rng) -> NDArray[np.uint8]:
    """Draw one image with random position, direction, scale and colours, and with some noise.

    Args:
        pattern: A key of PATTERNS.
        rng: Chooses everything else.

    Returns:
        uint8 (h, w, 3).
    """
    height, width = (int(edge) for edge in rng.choice(EDGES, 2))
    y, x = np.mgrid[0:height, 0:width] / max(height, width) - 0.5
    x, y = x - rng.uniform(-0.2, 0.2), y - rng.uniform(-0.2, 0.2)
    angle, scale = rng.uniform(0, 2 * np.pi), rng.uniform(18, 34)
    u, v = scale * (x * np.cos(angle) - y * np.sin(angle)), scale * (x * np.sin(angle) + y * np.cos(angle))
    mask = 1 / (1 + np.exp(-5 * PATTERNS[pattern](u, v, rng)))  # with soft edges
    foreground, background = _contrasting_colours(rng)
    gradient = rng.uniform(-60, 60, 3) * (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1))[..., None]
    colours = background + (foreground - background) * mask[..., None] + gradient
    for _ in range(rng.integers(0, 2)):  # a disc that hides a part
        hidden = np.hypot(x - rng.uniform(-0.5, 0.5), y - rng.uniform(-0.5, 0.5)) < rng.uniform(0.06, 0.16)
        colours[hidden] = rng.uniform(0, 255, 3)
    return np.clip(np.rint(colours + rng.normal(0, 6, colours.shape)), 0, 255).astype(np.uint8)


def _contrasting_colours(rng: Rng) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two colours with a visible, limited contrast."""
    while True:
        foreground, background = rng.uniform(0, 255, (2, 3))
        if 45 < np.abs(foreground - background).mean() < 90:
            return foreground, background


def encode(pixels: NDArray[np.uint8], format: str, **options: object) -> bytes:
    """Encode an image.

    Args:
        pixels: uint8 (h, w, 3 or 4).
        format: JPEG or PNG.
        options: Passed on to Pillow.
    """
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format, **options)
    return out.getvalue()


def files(seed: int) -> dict[str, bytes]:
    """All files of the dataset by path, in the order of the zip."""
    rng = np.random.default_rng(seed)
    contents = {}
    for split, count in (("train", TRAIN_IMAGES), ("test", TEST_IMAGES)):
        for pattern in PATTERNS:
            for i in range(count):
                pixels, stem = draw(pattern, rng), f"patterns/{split}/{pattern}/{i:03d}"
                if i % 2:
                    contents[f"{stem}.jpg"] = encode(pixels, "JPEG", quality=92)
                else:
                    contents[f"{stem}.png"] = encode(pixels, "PNG")
    rotated = Image.Exif()
    rotated[0x0112] = 6  # orientation: rotate by 90 degrees
    contents["patterns/train/dots/turned.jpg"] = encode(draw("dots", rng), "JPEG", quality=92, exif=rotated.tobytes())
    image = draw("rings", rng)
    alpha = np.linspace(255, 60, image.shape[1]).astype(np.uint8)
    alpha = np.broadcast_to(alpha[None, :, None], (*image.shape[:2], 1))
    contents["patterns/train/rings/see-through.png"] = encode(np.concatenate([image, alpha], axis=2), "PNG")
    complete = contents["patterns/train/waves/001.jpg"]
    contents["patterns/train/waves/broken.jpg"] = complete[: len(complete) * 2 // 3]
    contents["patterns/README.txt"] = README.encode()
    return contents


def write(out: Path, *, seed: int = 0) -> None:
    """Write the dataset as a zip.

    Args:
        out: The zip to write.
        seed: The same seed gives the same bytes.
    """
    write_zip(out, files(seed))


def write_zip(out: Path, contents: Mapping[str, bytes]) -> None:
    """Write files as a zip whose bytes depend on nothing else.

    Args:
        out: The zip to write.
        contents: The bytes of each file, by its path.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path, data in contents.items():
            archive.writestr(zipfile.ZipInfo(path, FILE_TIME), data)


def run(description: str, write_dataset: Callable[..., None]) -> None:
    """Draw a dataset as the command line asks.

    Args:
        description: What the script does; its first line is shown.
        write_dataset: Called with the zip to write, and the seed.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("out", type=Path, help="the zip to write")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write_dataset(arguments.out, seed=arguments.seed)


if __name__ == "__main__":
    run(__doc__, write)
