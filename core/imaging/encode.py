"""Encode images as PNG, JPEG, WebP, BMP, TIFF or AVIF. Runs in the sandbox only."""

import io
from typing import Any

from PIL import Image

from core.imaging.decode import DecodedImage
from core.imaging.metadata import metadata_options

# Chosen by benchmarks/archive_speed.py. Seconds of CPU (and share of the raw size) for a 12-megapixel photo with noise:
# run lengths 0.8 (0.45), deflate level 1 0.9 (0.54), level 4 1.9 (0.46), level 6 4.1 (0.46). Images of 32 px take
# 0.09 ms (0.81) with each. Noise has no repeated strings that deflate could find; run lengths compress flat areas.
PNG_LEVEL = 1
PNG_STRATEGY = 3  # zlib's Z_RLE

JPEG_QUALITY = 95


def encode(image: Image.Image, source: DecodedImage, *, format: str, keep_exif: bool) -> bytes:
    """Encode an image with the colour profile of its source.

    Args:
        image: L, RGB, LA or RGBA.
        source: The decoded file that the image comes from.
        format: PNG, JPEG, WEBP, BMP, TIFF or AVIF.
        keep_exif: Whether the source's EXIF and XMP are written too. A BMP holds neither.

    Returns:
        The file.
    """
    options: dict[str, Any] = dict(_options(format))
    if source.icc is not None and format != "BMP":
        options["icc_profile"] = source.icc
    if keep_exif:
        options |= metadata_options(source.exif, source.xmp, format=format)
    bare = image.copy()
    bare.info = {}  # Pillow would write comments and profiles of the upload
    out = io.BytesIO()
    bare.save(out, format, **options)
    return out.getvalue()


def _options(format: str) -> dict[str, Any]:
    if format == "PNG":
        return {"compress_level": PNG_LEVEL, "compress_type": PNG_STRATEGY}
    if format == "JPEG":
        return {"quality": JPEG_QUALITY, "subsampling": 0}
    if format == "WEBP":
        return {"lossless": True, "exact": True, "quality": 20, "method": 1}
    if format == "TIFF":
        return {"compression": "tiff_adobe_deflate"}
    if format == "AVIF":
        return {"quality": 95, "subsampling": "4:4:4", "speed": 8, "max_threads": 1}
    return {}
