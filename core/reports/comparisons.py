"""The images of a report's page as data URIs: before, after, and the amplified noise."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.reports.samples import Sample

PNG_SIDE = 64  # pixels; images up to this side are PNG
ENLARGED_SIDE = 128  # pixels; images up to this side are enlarged by the page, with hard edges
LOSSLESS_PIXELS = 300_000  # up to this area an image is lossless WebP, beyond it JPEG
JPEG_QUALITY = 95  # with full chroma; on photographs it adds a FLIP of 0.014 of its own, to both versions alike
NOISE_SIDE = 256  # pixels of the amplified noise, which is only an illustration
MAX_BYTES = 6 << 20  # of all versions of all images; the page shows as many as fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A sample as the page shows it.

    Attributes:
        path: Its path in the archive.
        flip: FLIP of the whole image.
        ssimulacra2: SSIMULACRA2 of the whole image, or None.
        original: Data URI.
        delivered: Data URI.
        noise: Data URI of the amplified difference, greyscale where nothing changed.
        width: In pixels.
        height: In pixels.
        enlarged: Whether the page enlarges the image with hard edges.
        lossless: Whether the page has the exact pixels.
        is_part: Whether this is a part of the image.
    """

    path: str
    flip: float
    ssimulacra2: float | None
    original: str
    delivered: str
    noise: str
    width: int
    height: int
    enlarged: bool
    lossless: bool
    is_part: bool


def compare(samples: Sequence[Sample], *, amplification: int) -> list[Comparison]:
    """Encode the samples, until the page has enough bytes; at least one.

    Args:
        samples: Worst first.
        amplification: The factor of the noise.

    Raises:
        ValueError: The two versions of a sample differ in shape.
    """
    comparisons: list[Comparison] = []
    size = 0
    for sample in samples:
        comparison = _compare(sample, amplification)
        size += len(comparison.original) + len(comparison.delivered) + len(comparison.noise)
        if comparisons and size > MAX_BYTES:
            break
        comparisons.append(comparison)
    return comparisons


def _compare(sample: Sample, amplification: int) -> Comparison:
    if sample.original.shape != sample.delivered.shape:
        raise ValueError(f"{sample.path}: {sample.original.shape} became {sample.delivered.shape}")
    height, width, channels = sample.original.shape
    bands = channels - 1 if channels in (2, 4) else channels  # without alpha
    difference = sample.delivered[..., :bands].astype(np.int16) - sample.original[..., :bands]
    noise = np.clip(128 + amplification * difference, 0, 255).astype(np.uint8)
    lossless = bands < channels or height * width <= LOSSLESS_PIXELS
    return Comparison(
        path=sample.path,
        flip=sample.score.flip,
        ssimulacra2=sample.score.ssimulacra2,
        original=_data_uri(_image(sample.original), lossless=lossless),
        delivered=_data_uri(_image(sample.delivered), lossless=lossless),
        noise=_data_uri(_reduced(_image(noise)), lossless=max(height, width) <= PNG_SIDE),
        width=width,
        height=height,
        enlarged=max(height, width) <= ENLARGED_SIDE,
        lossless=lossless,
        is_part=sample.is_part,
    )


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))


def _reduced(image: Image.Image) -> Image.Image:
    image.thumbnail((NOISE_SIDE, NOISE_SIDE), Image.Resampling.LANCZOS)
    return image


def _data_uri(image: Image.Image, *, lossless: bool) -> str:
    out = io.BytesIO()
    if lossless and max(image.size) <= PNG_SIDE:
        image.save(out, kind := "PNG", optimize=True)
    elif lossless:
        image.convert("RGBA" if image.mode == "LA" else image.mode).save(out, kind := "WEBP", lossless=True, exact=True)
    else:
        image.save(out, kind := "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
