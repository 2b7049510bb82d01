"""How fast images are read and written, and what each PNG setting costs.

    .venv/bin/python -m benchmarks.archive_speed [--small 10000] [--photos 20]

First prints for each PNG setting the seconds of CPU per image and the size as a share of the raw pixels, for a photo of
12 megapixels and for images of 32 px, all with noise. Then prints the seconds of each stage (unpack and decode, read at
the work size, write the archive) for many small images and some photos, and the peak memory of this process. All images
are synthetic, from a fixed seed.
"""

import argparse
import io
import resource
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.archive.noise_source import NoiseArrays
from core.archive.write_images import ArchiveSettings
from core.archive.writer import write_archive
from core.imaging.pixel_math import add_noise
from core.ingest.dataset import open_dataset
from core.ingest.pixels import load_pixels

STRATEGIES = {"default": 0, "filtered": 1, "huffman": 2, "rle": 3}


def photo(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Smooth shapes at several scales with texture and sensor noise: it compresses about as a camera's photo does."""
    values = np.full((height, width, 3), 128.0, np.float32)
    for cells in (4, 16, 64, 256):
        coarse = rng.normal(0, 60 / cells**0.5, (min(cells, height), min(cells, width), 3)).astype(np.float32)
        for c in range(3):
            values[..., c] += np.asarray(
                Image.fromarray(coarse[..., c]).resize((width, height), Image.Resampling.BICUBIC)
            )
    values += rng.normal(0, 2, values.shape)
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def random_noise(size: int, rng: np.random.Generator) -> NDArray[np.int8]:
    return rng.integers(-8, 9, (3, size, size)).astype(np.int8)


def print_png_settings(rng: np.random.Generator) -> None:
    """Print the seconds of CPU per image and the share of the raw size, for each setting."""
    large = [add_noise(photo(4000, 3000, rng), random_noise(64, rng), 8)]
    small = [add_noise(photo(32, 32, rng), random_noise(32, rng), 8) for _ in range(500)]
    print("strategy  level   photo s  share    32 px ms  share")
    for name, strategy in STRATEGIES.items():
        for level in (1, 4, 6) if name in ("default", "filtered") else (1,):
            seconds, shares = zip(*(_encode(images, level, strategy) for images in (large, small)), strict=True)
            print(
                f"{name:9} {level:5}   {seconds[0]:7.2f}  {shares[0]:.3f}    {seconds[1] * 1e3:8.3f}  {shares[1]:.3f}",
                flush=True,
            )


def _encode(images: list[Image.Image], level: int, strategy: int) -> tuple[float, float]:
    began, packed, raw = time.process_time(), 0, 0
    for image in images:
        out = io.BytesIO()
        image.save(out, "PNG", compress_level=level, compress_type=strategy)
        packed += out.tell()
        raw += image.width * image.height * 3
    return (time.process_time() - began) / len(images), packed / raw


def print_stages(count: int, edge: tuple[int, int], work_size: int, rng: np.random.Generator) -> None:
    """Print the seconds and the images per second of each stage for one dataset."""
    drawn = []
    for _ in range(min(count, 200 if edge[0] < 100 else 4)):
        out = io.BytesIO()
        photo(*edge, rng).save(out, "JPEG", quality=90)
        drawn.append(out.getvalue())
    with tempfile.TemporaryDirectory() as folder:
        upload = Path(folder, "upload.zip")
        with zipfile.ZipFile(upload, "w") as archive:
            for number in range(count):
                archive.writestr(f"{number % 10}/{number:06d}.jpg", drawn[number % len(drawn)])
        clock = [time.monotonic()]
        dataset = open_dataset(upload, Path(folder, "unpacked"))
        clock.append(time.monotonic())
        load_pixels(dataset, work_size)
        clock.append(time.monotonic())
        noise = rng.integers(-8, 9, (count, 3, work_size, work_size), dtype=np.int8)
        with write_archive(dataset, NoiseArrays(noise), Path(folder, "out.zip"), ArchiveSettings(radius=8)) as whole:
            assert whole.delivered.linf.max() <= 8
        clock.append(time.monotonic())
    print(f"{count} images of {edge[0]} x {edge[1]}:")
    for stage, start, end in zip(("open", "load", "write"), clock, clock[1:], strict=False):
        print(f"  {stage:5} {end - start:7.1f} s  {count / (end - start):8.1f} images/s")
    print(f"  peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=10_000, help="the number of images of 32 px")
    parser.add_argument("--photos", type=int, default=20, help="the number of photos of 12 megapixels")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    print_png_settings(rng)
    print_stages(args.small, (32, 32), 32, rng)
    print_stages(args.photos, (4000, 3000), 224, rng)


if __name__ == "__main__":
    main()
