"""Encode images as PNG, JPEG, WebP, BMP, TIFF or AVIF. Runs in the sandbox only."""

import io
from typing import Any

from PIL import ExifTags, Image

from core.imaging.decode import DecodedImage

# Chosen by benchmarks/archive_speed.py. Seconds of CPU (and share of the raw size) for a 12-megapixel photo with noise:
# run lengths 0.8 (0.45), deflate level 1 0.9 (0.54), level 4 1.9 (0.46), level 6 4.1 (0.46). Images of 32 px take
# 0.09 ms (0.81) with each. Noise has no repeated strings that deflate could find; run lengths compress flat areas.
PNG_LEVEL = 1
PNG_STRATEGY = 3  # zlib's Z_RLE

JPEG_QUALITY = 95
XMP_TAG = 0x02BC  # in a TIFF


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
    if keep_exif and format == "TIFF":
        options |= _tiff_tags(source)
    elif keep_exif and format != "BMP":
        if source.exif is not None:
            options["exif"] = source.exif
        if source.xmp is not None:
            options |= _xmp_options(format, source.xmp)
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


def _tiff_tags(source: DecodedImage) -> dict[str, Any]:
    """EXIF and XMP of a TIFF. With an EXIF or GPS table it is not compressed: libtiff cannot write these tables."""
    exif = Image.Exif()
    if source.exif is not None:
        exif.load(source.exif)
    tables = exif.keys() & {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}
    if source.xmp is not None:
        exif[XMP_TAG] = source.xmp
    return {"exif": exif} | ({"compression": "raw"} if tables else {})


def _xmp_options(format: str, xmp: bytes) -> dict[str, Any]:
    if format == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
        return {"pnginfo": info}
    return {"xmp": xmp} if format in ("JPEG", "WEBP", "AVIF") else {}
