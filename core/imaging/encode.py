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


def encode(
    image: Image.Image,
    source: DecodedImage,
    *,
    format: str,
    keep_exif: bool,
    settings: dict[str, Any] | None = None,
) -> bytes:
    """Encode an image with the colour profile of its source.

    Args:
        image: L, RGB, LA or RGBA.
        source: The decoded file that the image comes from.
        format: PNG, JPEG, WEBP, BMP, TIFF or AVIF.
        keep_exif: Whether the source's EXIF and XMP are written whole; if not, only who made the image and whose it
            is. A BMP holds none of it.
        settings: Options of `Image.save` for a file with loss. None: a file without loss.

    Returns:
        The file.
    """
    common: dict[str, Any] = {}
    if source.icc is not None and format != "BMP":
        common["icc_profile"] = source.icc
    metadata = source.metadata if keep_exif else source.metadata.rights(format=format)
    common |= metadata_options(metadata, format=format)
    return save(image, format, (_lossless_options(format) if settings is None else settings) | common)


def save(image: Image.Image, format: str, options: dict[str, Any]) -> bytes:
    """Encode an image without what else the upload contains.

    Args:
        image: L, RGB, LA or RGBA.
        format: PNG, JPEG, WEBP, BMP, TIFF or AVIF.
        options: Of `Image.save`.

    Returns:
        The file.
    """
    bare = image.copy()
    bare.info = {}  # Pillow would write comments and profiles of the upload
    out = io.BytesIO()
    try:
        bare.save(out, format, **options)
    except OSError:
        if not options.get("optimize"):
            raise
        out = io.BytesIO()  # Pillow's buffer is too small for pure noise with optimal codes
        bare.save(out, format, **(options | {"optimize": False, "progressive": False}))
    return out.getvalue()


def _lossless_options(format: str) -> dict[str, Any]:
    if format == "PNG":
        return {"compress_level": PNG_LEVEL, "compress_type": PNG_STRATEGY}
    if format == "WEBP":
        return {"lossless": True, "exact": True, "quality": 20, "method": 1}
    if format == "TIFF":
        return {"compression": "tiff_adobe_deflate"}
    return {}
