"""Pixels to bytes: PNG, or each picture's own format where that can carry them."""

import io
from typing import Any

from PIL import ExifTags, Image

from core.imaging.decode import Decoded

# Chosen with benchmarks/archive_speed.py. A 12-megapixel photo with noise took, in seconds of CPU (and share of its raw
# size): run lengths 0.8 (0.45), deflate level 1 0.9 (0.54), level 4 1.9 (0.46), level 6 4.1 (0.46). 32 px pictures take
# 0.09 ms (0.81) any way. Noise leaves no repeats to be found; flat areas still pack by their runs.
PNG_LEVEL = 1
PNG_STRATEGY = 3  # zlib's Z_RLE

JPEG_QUALITY = 95
LOSSY = ("JPEG", "AVIF")
XMP = 0x02BC  # its tag in a TIFF


def encode(image: Image.Image, source: Decoded, *, format: str, keep_exif: bool) -> bytes:
    """The bytes of a picture, with the source's colour profile, and its EXIF and XMP only where they are to be kept."""
    options: dict[str, Any] = dict(_options(format))
    if source.icc is not None and format != "BMP":
        options["icc_profile"] = source.icc
    if keep_exif and format == "TIFF":
        options |= _tags(source)
    elif keep_exif and format != "BMP":
        if source.exif is not None:
            options["exif"] = source.exif
        if source.xmp is not None:
            options |= _xmp(format, source.xmp)
    bare = image.copy()
    bare.info = {}  # else Pillow writes comments and profiles of the upload by itself
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


def _tags(source: Decoded) -> dict[str, Any]:
    """What a TIFF is to keep. Not packed where EXIF or GPS have tables of their own, which libtiff cannot write."""
    exif = Image.Exif()
    if source.exif is not None:
        exif.load(source.exif)
    tables = exif.keys() & {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}
    if source.xmp is not None:
        exif[XMP] = source.xmp
    return {"exif": exif} | ({"compression": "raw"} if tables else {})


def _xmp(format: str, xmp: bytes) -> dict[str, Any]:
    if format == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
        return {"pnginfo": info}
    return {"xmp": xmp} if format in ("JPEG", "WEBP", "AVIF") else {}


def delivered_format(format: str, mode: str, asked: str) -> str:
    """The format that a picture of this format and mode is delivered in. asked: `png` or `same`.

    `same` is PNG all the same for a GIF, whose 256 colours cannot carry noise, and a BMP with alpha, which few read.
    """
    if asked == "png" or format == "GIF" or (format == "BMP" and mode in ("LA", "RGBA")):
        return "PNG"
    return format
