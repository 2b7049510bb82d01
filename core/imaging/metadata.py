"""EXIF and XMP: what stays of them, and how they are written. Runs in the sandbox only."""

import re
from typing import Any

from PIL import ExifTags, Image

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
XMP_TAG = 0x02BC  # in a TIFF


def exif_and_transpose(image: Image.Image) -> tuple[bytes | None, Image.Transpose | None]:
    """The EXIF block without its orientation, and the transposition for it; broken EXIF counts as none.

    For a TIFF only descriptive tags stay: the others say how its pixels are stored, which changes.
    """
    try:
        exif = image.getexif()
        transpose = TRANSPOSE_BY_ORIENTATION.get(exif.pop(ORIENTATION_TAG, 1))
        if image.format == "TIFF":
            for tag in exif.keys() - DESCRIPTIVE_TAGS:
                del exif[tag]
        return (exif.tobytes() if len(exif) else None), transpose
    except Exception:  # untrusted tags; the pixels do not depend on them
        return None, None


def xmp_without_orientation(xmp: object) -> bytes | None:
    """The XMP block without its orientation; None if there is none."""
    if not isinstance(xmp, bytes):
        return None
    return re.sub(rb"tiff:Orientation(=\"\d\"|>\d</tiff:Orientation)", b"", xmp) if b"tiff:Orientation" in xmp else xmp


def metadata_options(exif: bytes | None, xmp: bytes | None, *, format: str) -> dict[str, Any]:
    """The options of `Image.save` that write EXIF and XMP.

    Args:
        exif: The EXIF block; None for none.
        xmp: The XMP block; None for none.
        format: PNG, JPEG, WEBP, BMP, TIFF or AVIF. A BMP holds neither.
    """
    if format == "BMP":
        return {}
    if format == "TIFF":
        return _tiff_options(exif, xmp)
    return ({} if exif is None else {"exif": exif}) | ({} if xmp is None else _xmp_options(format, xmp))


def _tiff_options(exif: bytes | None, xmp: bytes | None) -> dict[str, Any]:
    """With an EXIF or GPS table a TIFF is not compressed: libtiff cannot write these tables."""
    tags = Image.Exif()
    if exif is not None:
        tags.load(exif)
    tables = tags.keys() & {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}
    if xmp is not None:
        tags[XMP_TAG] = xmp
    return {"exif": tags} | ({"compression": "raw"} if tables else {})


def _xmp_options(format: str, xmp: bytes) -> dict[str, Any]:
    if format == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
        return {"pnginfo": info}
    return {"xmp": xmp} if format in ("JPEG", "WEBP", "AVIF") else {}
