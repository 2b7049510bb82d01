"""EXIF, XMP and IPTC: what stays of them, and how they are written. Runs in the sandbox only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import ExifTags, Image

from core.imaging.embedded_images import holds_image, without_exif_previews, without_xmp_previews
from core.imaging.rights import (
    PNG_KEYWORDS,
    as_stored,
    iptc_of,
    iptc_segment,
    iptc_without_previews,
    rights_in_exif,
    rights_in_iptc,
    rights_in_xmp,
)

ORIENTATION_TAG = 0x0112  # EXIF
TRANSPOSE_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
DESCRIPTIVE_TAGS = frozenset(  # EXIF tags that do not say how pixels are stored
    {
        *(0x010D, 0x010E, 0x010F, 0x0110, 0x011D),  # document and page name, description, make, model
        *(0x011A, 0x011B, 0x0128),  # resolution
        *(0x0131, 0x0132, 0x013B, 0x013C, 0x8298),  # software, time, artist, computer, copyright
        *(0x4746, 0x4749, *range(0x9C9B, 0x9CA0)),  # rating; title, comment, author, keywords and subject of Windows
        *(0x8769, 0x8825),  # offsets of the EXIF and GPS tables
    }
)
SWAPS_EDGES = tuple(TRANSPOSE_BY_ORIENTATION[orientation] for orientation in (5, 6, 7, 8))
EMPTY_EXIF_BYTES = 24  # a block without tags
XMP_TAG = 0x02BC  # in a TIFF
MAX_JPEG_BLOCK = 65_000  # bytes of one segment, less what names it


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a file says about its image.

    Attributes:
        exif: The EXIF block without the orientation and without previews.
        xmp: The XMP packet without the orientation and without previews.
        iptc: The IPTC-IIM block without previews.
        texts: Texts of a PNG by keyword.
        colour_chunks: Chunks of a PNG that say what its colours are: name and content.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    colour_chunks: tuple[tuple[bytes, bytes], ...] = ()

    def rights(self, *, format: str) -> "Metadata":
        """Only who made the image and whose it is.

        Args:
            format: Of the file to write. Only a JPEG keeps an IPTC-IIM block; for others it becomes XMP.
        """
        iptc = rights_in_iptc(self.iptc)
        return Metadata(
            exif=rights_in_exif(self.exif),
            xmp=rights_in_xmp(self.xmp, None if format == "JPEG" else iptc),
            iptc=iptc,
            texts={keyword: self.texts[keyword] for keyword in PNG_KEYWORDS if keyword in self.texts},
            colour_chunks=self.colour_chunks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UprightExif:
    """The EXIF block of an image that is turned upright.

    Attributes:
        block: The block without its orientation and without previews; None if nothing is left.
        transpose: What turns the image upright; None if it is.
        is_damaged: Whether there is a block that cannot be read.
    """

    block: bytes | None = None
    transpose: Image.Transpose | None = None
    is_damaged: bool = False


def read_metadata(
    image: Image.Image, exif: bytes | None, colour_chunks: tuple[tuple[bytes, bytes], ...] = ()
) -> Metadata:
    """The metadata of a decoded file.

    Args:
        image: As Pillow has decoded it.
        exif: Its EXIF block without the orientation.
        colour_chunks: Chunks of a PNG that say what its colours are.
    """
    texts = {key: str(value) for key, value in getattr(image, "text", {}).items()} if image.format == "PNG" else {}
    return Metadata(
        exif=exif,
        xmp=_upright_xmp(image.info.get("xmp")),
        iptc=iptc_without_previews(iptc_of(image)),
        texts={key: text for key, text in texts.items() if not holds_image(text.encode("utf-8", "replace"))},
        colour_chunks=colour_chunks,
    )


def upright_exif(image: Image.Image) -> UprightExif:
    """The EXIF block of an image without its orientation, and the transposition for it; broken EXIF counts as none.

    For a TIFF only descriptive tags stay: the others say how its pixels are stored, which changes.
    """
    try:
        exif = image.getexif()
        if not len(exif) and len(image.info.get("exif") or b"") > EMPTY_EXIF_BYTES:
            return UprightExif(is_damaged=True)
        transpose = TRANSPOSE_BY_ORIENTATION.get(exif.pop(ORIENTATION_TAG, 1))
        if image.format == "TIFF":
            for tag in exif.keys() - DESCRIPTIVE_TAGS:
                del exif[tag]
        without_exif_previews(exif)
        for tag, value in list(exif.items()):
            exif[tag] = as_stored(value)
        return UprightExif(block=exif.tobytes() if len(exif) else None, transpose=transpose)
    except Exception:  # untrusted tags; the pixels do not depend on them
        return UprightExif(is_damaged=True)


def _upright_xmp(xmp: object) -> bytes | None:
    """The XMP block without its orientation and previews, which show the image without noise; None if there is none."""
    if not isinstance(xmp, bytes):
        return None
    cleaned = without_xmp_previews(xmp)
    if cleaned is None:
        return None  # a packet that cannot be read cannot be searched for previews
    xmp = cleaned
    return re.sub(rb"tiff:Orientation(=\"\d\"|>\d</tiff:Orientation)", b"", xmp) if b"tiff:Orientation" in xmp else xmp


def metadata_options(metadata: Metadata, *, format: str) -> dict[str, Any]:
    """The options of `Image.save` that write metadata.

    Args:
        metadata: What to write. A block that is too long for a JPEG is reduced to who made the image.
        format: PNG, JPEG, WEBP, BMP, TIFF or AVIF. A BMP holds none.
    """
    exif, xmp = metadata.exif, metadata.xmp
    if format == "BMP":
        return {}
    if format == "TIFF":
        return _tiff_options(exif, xmp)
    if format == "PNG":
        return ({} if exif is None else {"exif": exif}) | _png_options(metadata)
    options: dict[str, Any] = {}
    if format == "JPEG":
        exif = rights_in_exif(exif) if exif is not None and len(exif) > MAX_JPEG_BLOCK else exif
        xmp = rights_in_xmp(xmp) if xmp is not None and len(xmp) > MAX_JPEG_BLOCK else xmp
        if metadata.iptc is not None and len(metadata.iptc) <= MAX_JPEG_BLOCK:
            options["extra"] = iptc_segment(metadata.iptc)
    return options | {key: block for key, block in (("exif", exif), ("xmp", xmp)) if block is not None}


def _tiff_options(exif: bytes | None, xmp: bytes | None) -> dict[str, Any]:
    """With an EXIF or GPS table a TIFF is not compressed: libtiff cannot write these tables."""
    tags = Image.Exif()
    if exif is not None:
        tags.load(exif)
        for tag, value in list(tags.items()):
            tags[tag] = as_stored(value)
    tables = tags.keys() & {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}
    if xmp is not None:
        tags[XMP_TAG] = xmp
    return {"exif": tags} | ({"compression": "raw"} if tables else {})


def _png_options(metadata: Metadata) -> dict[str, Any]:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for name, content in metadata.colour_chunks:
        info.add(name, content)
    if metadata.xmp is not None:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    for keyword in PNG_KEYWORDS:
        if keyword in metadata.texts:
            info.add_itxt(keyword, metadata.texts[keyword])
    return {"pnginfo": info} if info.chunks else {}
