"""Decode an image file to 8-bit greyscale or RGB, with or without alpha, upright. Runs in the sandbox only.

An image that does not fit this form is refused with a reason. A change on the way (of depth, palette or CMYK) is noted.
"""

import io
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from core.errors import ImageRefused
from core.imaging import heif
from core.imaging.colour_profile import profile_applies, profile_note, usable_profile
from core.imaging.colour_space import read_stated_colour
from core.imaging.compression import Compression, read_compression
from core.imaging.metadata import SWAPS_EDGES, Metadata, read_metadata, upright_exif
from core.imaging.repair import repaired
from core.imaging.to_8bit import convert_to_8bit, narrow_range

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "PPM")  # and HEIF, if its decoder is installed
SEVERAL_IMAGES = ("MPO", heif.FORMAT)  # one of them is the image
PLUGINS = (  # loaded by the import above: a restricted process cannot open their files later
    AvifImagePlugin, BmpImagePlugin, GifImagePlugin, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, PpmImagePlugin,
    TiffImagePlugin, WebPImagePlugin,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedImage:
    """An image as it is meant to be seen.

    Attributes:
        image: L, RGB, LA or RGBA, 8 bits per channel, upright. Smaller than `size` only if that was requested.
        size: (width, height) of the full image, upright.
        format: Format of the file as Pillow names it, such as JPEG.
        note: What decoding changed, or None.
        icc: The colour profile, if it still applies.
        metadata: What else the file says about the image.
        compression: How the file is compressed.
    """

    image: Image.Image
    size: tuple[int, int]
    format: str
    note: str | None
    icc: bytes | None
    metadata: Metadata
    compression: Compression


class _Damaged(ImageRefused):
    """The file, or its metadata, is damaged."""


def load_decoders(*, max_pixels: int) -> None:
    """Load every decoder into memory, because a restricted process cannot open files later.

    Args:
        max_pixels: Maximum of one image, for Pillow's own check.
    """
    Image._initialized = 2  # keeps Pillow from loading further plugins
    Image.MAX_IMAGE_PIXELS = max_pixels
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a restricted process cannot start threads
    for format in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "AVIF", "PPM"):
        out = io.BytesIO()
        Image.new("RGB", (16, 16)).save(out, format)
        Image.open(io.BytesIO(out.getvalue()), formats=FORMATS).load()
    heif.load_decoder()
    ImageCms.createProfile("sRGB")


def open_image(data: bytes) -> Image.Image:
    """Read the header of an image without decoding its pixels.

    Args:
        data: The image file.

    Raises:
        ImageRefused: It is no image, has too many pixels, is animated or has several pages.
    """
    formats = (*FORMATS, heif.FORMAT) if heif.FORMAT in Image.OPEN else FORMATS
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(data), formats=formats)
        except UnidentifiedImageError:
            raise _Damaged(_describe_non_image(data)) from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
            raise ImageRefused(_too_many_pixels(str(bomb))) from None
    width, height = image.size
    if Image.MAX_IMAGE_PIXELS is not None and width * height > Image.MAX_IMAGE_PIXELS:
        raise ImageRefused(_too_many_pixels(f"{width} x {height}"))
    if isinstance(image, TiffImagePlugin.TiffImageFile) and _is_raw(image):
        raise ImageRefused("it is a RAW photograph, of which only a preview could be read; save it as JPEG or TIFF")
    if image.format not in SEVERAL_IMAGES and getattr(image, "is_animated", False):
        pages = image.format == "TIFF"
        raise ImageRefused(
            "it has several pages; save each page as a file" if pages else "it is animated; save each frame as a file"
        )
    return image


def decode(data: bytes, *, min_edge: int | None = None) -> DecodedImage:
    """Decode an image; if its metadata are damaged or too large, without them.

    Args:
        data: The image file.
        min_edge: A JPEG may be reduced by a power of two as long as both edges stay at least this long. The decoder
            still reads the whole file, in about a third of the time. None: full size.

    Raises:
        ImageRefused: The image cannot be used.
        Exception: Whatever a decoder raises for damaged bytes.
    """
    try:
        return _decode(data, min_edge)
    except Exception as error:  # of a decoder that was given untrusted bytes
        if isinstance(error, ImageRefused) and not isinstance(error, _Damaged):
            raise
        for file in repaired(data):
            with suppress(Exception):
                decoded = _decode(file.data, min_edge)
                dropped = f"{file.dropped} dropped as damaged or too large, and the pixels are whole"
                notes = (dropped, decoded.note)
                return replace(decoded, note="; ".join(filter(None, notes)))
        raise


def _decode(data: bytes, min_edge: int | None) -> DecodedImage:
    image = open_image(data)
    size = image.size
    if min_edge is not None and image.format in ("JPEG", "MPO"):
        image.draft(None, (min_edge, min_edge))
    format = "JPEG" if image.format == "MPO" else str(image.format)
    bits = _stored_bits(image, data)
    if image.format == heif.FORMAT:
        several = getattr(image, "n_frames", 1) > 1
        heif.load(image)
        size = image.size
    else:
        several = image.format == "MPO"
        _load(image)
    exif = upright_exif(image)
    icc = usable_profile(image)
    converted, note = convert_to_8bit(image, icc, bits=bits)
    if exif.transpose is not None:
        size = size[::-1] if exif.transpose in SWAPS_EDGES else size
        converted = converted.transpose(exif.transpose)
    applies = icc is not None and profile_applies(icc, converted.mode)
    colour = read_stated_colour(image, data, has_profile=applies)
    notes = [note]
    if bits > 8:
        notes = [note or f"{bits} bits per channel reduced to 8", narrow_range(converted)]
    metadata = read_metadata(image, exif.block, colour.chunks)
    notes += [
        "the first of several images in one file" if several else None,
        "its EXIF is damaged and dropped" if exif.is_damaged else None,
        "its XMP is damaged and dropped" if image.info.get("xmp") and metadata.xmp is None else None,
        profile_note(image, icc, applies=applies),
        colour.note,
    ]
    return DecodedImage(
        image=converted,
        size=size,
        format=format,
        note="; ".join(filter(None, notes)) or None,
        icc=icc if applies else colour.icc,
        metadata=metadata,
        compression=read_compression(image, data, turned=exif.transpose in SWAPS_EDGES),
    )


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except (OSError, SyntaxError) as error:
        raise _Damaged("it is damaged or truncated") from error


def _is_raw(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether a TIFF is a camera's RAW file, whose first image is a preview (TIFF/EP, DNG 1.7)."""
    tags = image.tag_v2
    return 50706 in tags or bool(int(tags.get(254, 0)) & 1) or tags.get(262) in (32803, 34892)


def _stored_bits(image: Image.Image, data: bytes) -> int:
    """Bits per channel of a PNG, TIFF, PPM or HEIF. Decoders reduce deeper colour to 8 bits without saying so."""
    if image.format == "PNG":
        return data[24]
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        with suppress(Exception):
            return int(max(image.tag_v2.get(258, (8,))))
    if image.format == "PPM":
        with suppress(Exception):
            return 16 if int(image.tile[0].args[1]) > 255 else 8  # type: ignore[attr-defined]
    if image.format == heif.FORMAT:
        return int(image.info.get("bit_depth", 8))
    return 8


def _too_many_pixels(what: str) -> str:
    size = re.search(r"\d+ x \d+", what)
    limit = f"{Image.MAX_IMAGE_PIXELS:,}"
    return (
        f"{size.group() + ' is ' if size else ''}more than {limit} pixels, the maximum for one image; make it smaller"
    )


def _describe_non_image(data: bytes) -> str:
    """Why a file with an image's name is no image."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data:
        return "the file is empty"
    if b"<svg" in head:
        return "it is an SVG drawing, which has no pixels; save it as PNG"
    if head.startswith((b"<!doctype html", b"<html")):
        return "it is a web page, not an image"
    if not set(data[:1024]) & set(range(9)):
        return "it is text, not an image"
    if heif.is_heif(data):
        if heif.FORMAT in Image.OPEN:
            return "it is a damaged or truncated HEIC image"
        return "it is a HEIC image, and this worker lacks the package pillow-heif, which reads them; save it as JPEG"
    return "it is not a JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF image, or its header is damaged"
