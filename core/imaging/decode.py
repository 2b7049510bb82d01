"""Bytes to pixels: any picture as 8-bit grey or RGB, with or without alpha, upright. Runs in the sandbox only.

What cannot be shown in that form is refused with a reason; what is changed on the way (depth, palette, CMYK) gets a
note. Nothing here is allowed to fall back in silence.
"""

import io
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from core.errors import ImageRefused
from core.imaging.to_8bit import to_eight_bits

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
DESCRIPTIVE = frozenset(
    {
        *(0x010D, 0x010E, 0x010F, 0x0110, 0x011D),  # names of document and page, description, make and model
        *(0x011A, 0x011B, 0x0128),  # resolution
        *(0x0131, 0x0132, 0x013B, 0x013C, 0x8298),  # software, time, artist, computer, copyright
        *(0x4746, 0x4749, *range(0x9C9B, 0x9CA0)),  # rating, and Windows' title, comment, author, keywords, subject
        *(0x8769, 0x8825),  # where EXIF's own and GPS's tags lie
    }
)
SIDEWAYS = (TURNS[5], TURNS[6], TURNS[7], TURNS[8])
PLUGINS = (
    AvifImagePlugin, BmpImagePlugin, GifImagePlugin, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin,
    WebPImagePlugin,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A picture as it was meant to be seen: `image` is L, RGB, LA or RGBA, upright, 8 bits a channel.

    `size` is (width, height) of the full picture, upright; `image` is smaller only where that was asked for.
    `icc`, `exif` (without orientation) and `xmp` are what the file carried beside its pixels and still applies.
    """

    image: Image.Image
    size: tuple[int, int]
    format: str
    note: str | None
    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None


def prepare(*, pixels: int) -> None:
    """Load every decoder now, for later no file can be opened; set Pillow's own wall to `pixels` a picture."""
    Image._initialized = 2  # Pillow would else go looking for further plugins
    Image.MAX_IMAGE_PIXELS = pixels
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # we may not start any
    for format in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "AVIF"):
        out = io.BytesIO()
        Image.new("RGB", (16, 16)).save(out, format)
        Image.open(io.BytesIO(out.getvalue()), formats=FORMATS).load()
    ImageCms.createProfile("sRGB")


def open_picture(data: bytes) -> Image.Image:
    """A picture whose header has been read and judged, its pixels not decoded yet. Raises Refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except UnidentifiedImageError:
            raise ImageRefused(_what_else(data)) from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
            raise ImageRefused(_too_large(str(bomb))) from None
    width, height = image.size
    if Image.MAX_IMAGE_PIXELS is not None and width * height > Image.MAX_IMAGE_PIXELS:
        raise ImageRefused(_too_large(f"{width} x {height}"))
    if image.format != "MPO" and getattr(image, "is_animated", False):
        pages = image.format == "TIFF"
        raise ImageRefused(
            "it has several pages; save each as a file" if pages else "animated; save each frame as a picture"
        )
    return image


def decode(data: bytes, *, least: int | None = None) -> Decoded:
    """Decode a picture. Raises Refused, or whatever the decoder throws on damaged bytes.

    With `least`, a JPEG may come out smaller, by a power of two, but with no edge below `least`: all of its bytes are
    still read, at a third of the time.
    """
    image = open_picture(data)
    full = image.size
    if least is not None and image.format in ("JPEG", "MPO"):
        image.draft(None, (least, least))
    format = "JPEG" if image.format == "MPO" else str(image.format)
    bits = _bits(image, data)
    try:
        image.load()
    except (OSError, SyntaxError) as error:
        raise ImageRefused(f"damaged or truncated: {error}") from None
    exif, turn = _exif(image)
    icc = image.info.get("icc_profile")
    xmp = image.info.get("xmp")
    eight, note = to_eight_bits(image, icc, bits=bits)
    if turn is not None:
        full = full[::-1] if turn in SIDEWAYS else full
        eight = eight.transpose(turn)
    notes = [note] if note else []
    if bits > 8 and note is None:
        notes.append("16 bits a channel reduced to 8")
    if image.format == "MPO":
        notes.append("the first of several pictures in one file")
    return Decoded(
        image=eight,
        size=full,
        format=format,
        note="; ".join(notes) or None,
        icc=icc if isinstance(icc, bytes) and _fits(icc, eight.mode) else None,
        exif=exif,
        xmp=_upright_xmp(xmp),
    )


def _fits(icc: bytes, mode: str) -> bool:
    return icc[16:20] == (b"GRAY" if mode in ("L", "LA") else b"RGB ")


def _bits(image: Image.Image, data: bytes) -> int:
    """Bits a channel as stored, where the header says so simply; Pillow decodes deeper colour to 8 without a word."""
    if image.format == "PNG":
        return data[24]
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        with suppress(Exception):
            return int(max(image.tag_v2.get(258, (8,))))
    return 8


def _exif(image: Image.Image) -> tuple[bytes | None, Image.Transpose | None]:
    """The EXIF block without its orientation, and the turn that orientation asks for; broken EXIF counts as none.

    A TIFF has the tags that say how its pixels are stored among them; these are not those of what is delivered.
    """
    try:
        exif = image.getexif()
        turn = TURNS.get(exif.pop(ORIENTATION, 1))
        if image.format == "TIFF":
            for tag in exif.keys() - DESCRIPTIVE:
                del exif[tag]
        return (exif.tobytes() if len(exif) else None), turn
    except Exception:  # a tag tree from outside; the pixels are good without it
        return None, None


def _upright_xmp(xmp: object) -> bytes | None:
    if not isinstance(xmp, bytes):
        return None
    return re.sub(rb"tiff:Orientation(=\"\d\"|>\d</tiff:Orientation)", b"", xmp) if b"tiff:Orientation" in xmp else xmp


def _too_large(what: str) -> str:
    size = re.search(r"\d+ x \d+", what)
    limit = f"{Image.MAX_IMAGE_PIXELS:,}"
    return f"{size.group() + ' is ' if size else ''}more than {limit} pixels, the most for one picture; make it smaller"


def _what_else(data: bytes) -> str:
    """Why something that is called a picture is none."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data:
        return "the file is empty"
    if b"<svg" in head:
        return "an SVG drawing, not pixels; save it as PNG"
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page, not a picture"
    if not set(data[:1024]) & set(range(9)):
        return "text, not a picture"
    return "its content is no JPEG, PNG, WebP, AVIF, TIFF, BMP or GIF picture, or its header is damaged"
