"""How an uploaded file is compressed, and the settings of an encoder that come near it. Runs in the sandbox only.

A lossy file is delivered in its own format, as fine as MAX_GROWTH times its size allows. Whole fractions of the
quantization steps of the uploaded JPEG keep noise best. Band-passed noise of up to 5 of 255 on photos of quality 75, as
delivered, correlates by 0.93, 0.95 and 0.96 with itself at 1, 1/2 and 1/3 of the steps, but by 0.88 at 2/3 of them.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin

FINER = (8, 4, 3, 2, 1)
"""The quantization steps of a JPEG are divided by one of these."""
MAX_LOW_STEP = 13
"""Mean quantization step of the 16 lowest frequencies, above which less than 90 % of a noise of 5 of 255 stays."""
WEBP_QUALITIES = (98, 95, 90, 85)
AVIF_QUALITIES = (95, 90, 80, 70)
"""From the finest down. The last keeps more than 90 % of a noise of 5 of 255, and is used whatever the size."""
JPEG_QUALITY = 90  # of a JPEG that was uploaded in another format
FINER_JPEG_QUALITIES = (90, 93, 95, 97, 98)
FINER_WEBP_QUALITIES = (90, 95, 98)
FINER_AVIF_QUALITIES = (80, 88, 95)
"""From the coarsest up, for an image whose compression alone is more visible than its target allows."""
FULL_COLOUR, HALVED_COLOUR = 0, 2  # Pillow's numbers for 4:4:4 and 4:2:0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """How a file is compressed.

    Attributes:
        file_bytes: Size of the whole file.
        lossy: Whether its format has lost information. Of a WebP that depends on the file.
        tables: Quantization steps of a JPEG's Y, Cb and Cr, 64 numbers each, as the upright image has them. A band
            without a table has the last one.
        subsampling: Of the colours of a JPEG, as Pillow numbers it.
        progressive: Whether it is a progressive JPEG.
    """

    file_bytes: int
    lossy: bool = False
    tables: tuple[tuple[int, ...], ...] = ()
    subsampling: int = FULL_COLOUR
    progressive: bool = False


def read_compression(image: Image.Image, data: bytes, *, turned: bool) -> Compression:
    """How an opened file is compressed.

    Args:
        image: The file as Pillow has opened it.
        data: Its bytes.
        turned: Whether the upright image has width and height exchanged.
    """
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        steps = [np.reshape(image.quantization[layer[3]], (8, 8)) for layer in image.layer[:3]]
        tables = [tuple((table.T if turned else table).ravel().tolist()) for table in steps]
        while tables[1:] and tables[-1] == tables[-2]:
            tables.pop()
        subsampling = JpegImagePlugin.get_sampling(image)
        if subsampling != HALVED_COLOUR and (turned or subsampling < 0):
            subsampling = FULL_COLOUR  # Pillow cannot halve the height only
        return Compression(
            file_bytes=len(data),
            lossy=True,
            tables=tuple(tables),
            subsampling=subsampling,
            progressive="progressive" in image.info,
        )
    lossy = image.format in ("AVIF", "HEIF") or (image.format == "WEBP" and not is_lossless_webp(data))
    return Compression(file_bytes=len(data), lossy=lossy)


def is_lossless_webp(data: bytes) -> bool:
    """Whether the pixels of a WebP are in a VP8L chunk. Pillow does not tell.

    Args:
        data: The file: a RIFF container of chunks with a name, a length and an even number of bytes.
    """
    start = 12
    while start + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, start)
        if name in (b"VP8L", b"VP8 "):
            return bool(name == b"VP8L")
        start += 8 + length + length % 2
    return False


def is_lossy(format: str, source: Compression) -> bool:
    """Whether a file is delivered with loss.

    Args:
        format: PNG, JPEG, WEBP, BMP, TIFF or AVIF.
        source: The uploaded file.
    """
    return format in ("JPEG", "AVIF") or (format == "WEBP" and source.lossy)


def lossy_settings(
    format: str, source: Compression, *, fine_colour: bool, luma_only: bool = False
) -> list[dict[str, Any]]:
    """The options of `Image.save` to choose from, from the finest to the coarsest that is good enough.

    Args:
        format: JPEG, WEBP or AVIF.
        source: The uploaded file.
        fine_colour: Whether the noise has colours as fine as pixels, which halved colours would lose.
        luma_only: Whether the noise has no colours. The colours of a JPEG then keep the steps of the upload, at which
            they come back as they were; at finer steps they would come back blurred.
    """
    if format == "WEBP":
        return [_webp(quality) for quality in WEBP_QUALITIES]
    if format == "AVIF":
        return [_avif(quality) for quality in AVIF_QUALITIES]
    if not source.tables:
        return [{"quality": JPEG_QUALITY, "subsampling": FULL_COLOUR if fine_colour else HALVED_COLOUR}]
    return _jpeg(source, subsampling=FULL_COLOUR if fine_colour else source.subsampling, luma_only=luma_only)


def finer_settings(format: str, source: Compression) -> list[dict[str, Any]]:
    """The options of `Image.save` for an image that compression alone changes too visibly, from the coarsest up.

    A JPEG has full colours then: halved ones change visibly each time they are enlarged and halved again.

    Args:
        format: JPEG, WEBP or AVIF.
        source: The uploaded file.
    """
    if format == "WEBP":
        return [_webp(quality) for quality in FINER_WEBP_QUALITIES]
    if format == "AVIF":
        return [_avif(quality) for quality in FINER_AVIF_QUALITIES]
    if not source.tables:
        return [{"quality": quality, "subsampling": FULL_COLOUR} for quality in FINER_JPEG_QUALITIES]
    return _jpeg(source, subsampling=FULL_COLOUR, luma_only=False)[::-1]


def _webp(quality: int) -> dict[str, Any]:
    return {"quality": quality, "method": 4, "exact": True}


def _avif(quality: int) -> dict[str, Any]:
    return {"quality": quality, "subsampling": "4:4:4", "speed": 8, "max_threads": 1}


def _jpeg(source: Compression, *, subsampling: int, luma_only: bool) -> list[dict[str, Any]]:
    """With the quantization steps of the upload, divided by the whole numbers that are large enough."""
    common = {"subsampling": subsampling, "progressive": source.progressive, "optimize": True}
    low_step = np.reshape(source.tables[0], (8, 8))[:4, :4].mean()
    factors = [factor for factor in FINER if low_step / factor <= MAX_LOW_STEP] or [FINER[0]]
    choices = dict.fromkeys(_divided_tables(source.tables, factor, luma_only=luma_only) for factor in factors)
    return [{"qtables": [list(table) for table in tables], **common} for tables in choices]


def _divided_tables(
    tables: tuple[tuple[int, ...], ...], factor: int, *, luma_only: bool
) -> tuple[tuple[int, ...], ...]:
    divided = tuple(_divided(table, factor) for table in tables)
    return (divided[0], *tables[1:]) if luma_only else divided


def _divided(table: tuple[int, ...], factor: int) -> tuple[int, ...]:
    return tuple(min(255, max(1, round(step / factor))) for step in table)
