"""Previews inside metadata: they show the image without noise, so they never leave. Runs in the sandbox only."""

import io
import re
from contextlib import suppress
from xml.etree import ElementTree

from PIL import ExifTags, Image

SIGNATURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|RIFF....WEBP|ftyp(?:heic|heix|mif1|avif|avis|mp4|isom|qt  )|GIF8[79]a|JXL \r\n",
    re.DOTALL,
)
ENCODED_SIGNATURES = re.compile(rb"/9j/|iVBORw0KGgo|UklGR|R0lGOD|ffd8ff|89504e47", re.IGNORECASE)
"""The beginnings of JPEG, PNG, WebP and GIF files in base64 and in hexadecimal."""
LONG_CODE = re.compile(rb"[A-Za-z0-9+/=_-]{400}")
"""Text without a space, as long as the smallest preview in base64."""
SPACES = re.compile(rb"\s+|&#(?:x0*[aAdD]|0*1[03]|x0*20|0*32);")
MAX_OPAQUE_BYTES = 16_384
"""A block of unknown form that is longer may hold a preview in a form of its own."""

EXIF_PREVIEWS = frozenset(
    (
        *(0x0111, 0x0117, 0x0201, 0x0202, 0x014A, 0x015B),  # strips, JPEG previews, tables of further images
        *(0x02BC, 0x8649, 0x83BB, 0x8773),  # XMP, Photoshop, IPTC and ICC, which are read from their own places
        *(0x501B, 0x5011, 0x5012, 0x5090, 0x5091, 0xC4A5, 0xC634, 0xEA1C),  # Windows' thumbnail, makers' private data
    )
)
XMP_PREVIEWS = frozenset(("Thumbnails", "image", "Data", "ImageData", "AuxiliaryImage", "Thumbnail", "Preview"))
"""Local names of XMP properties: xmp:Thumbnails, xmpGImg:image, GImage:Data, GDepth:Data and what is like them."""
IPTC_PREVIEWS = frozenset(((2, 200), (2, 201), (2, 202)))
MAX_IPTC_RECORD = 6  # records 7 to 9 hold the object itself
_DEFAULT_PREFIX = re.compile(r"ns\d+")


def holds_image(block: bytes) -> bool:
    """Whether a block of metadata may hold an image file, as it is or written in base64 or hexadecimal.

    Args:
        block: The bytes.
    """
    if SIGNATURES.search(block):
        return True
    joined = SPACES.sub(b"", block.replace(b"\0", b""))
    return any(ENCODED_SIGNATURES.search(found[0]) or len(found[0]) >= 400 for found in LONG_CODE.finditer(joined))


def without_exif_previews(exif: Image.Exif) -> None:
    """Remove what may show the image from an EXIF block, in its tables too.

    Args:
        exif: The block; it is changed.
    """
    tables = [exif, *(exif.get_ifd(table) for table in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop))]
    for table in tables:
        for tag, value in [*table.items()]:
            if tag in EXIF_PREVIEWS or _is_opaque(tag, value):
                del table[tag]


def _is_opaque(tag: int, value: object) -> bool:
    if isinstance(value, str):
        value = value.encode("utf-8", "replace")
    if isinstance(value, tuple) and len(value) > 64 and all(isinstance(one, int) and 0 <= one < 256 for one in value):
        value = bytes(value)
    if not isinstance(value, bytes):
        return isinstance(value, tuple) and len(value) > MAX_OPAQUE_BYTES // 4
    return holds_image(value) or (tag == ExifTags.Base.MakerNote and len(value) > MAX_OPAQUE_BYTES)


def without_xmp_previews(xmp: bytes) -> bytes | None:
    """An XMP packet without the images in it; as it is if there are none, and None if it may hold some but is broken.

    Args:
        xmp: The packet.
    """
    try:
        root, prefixes = _parsed(xmp)
    except (ElementTree.ParseError, ValueError, LookupError):
        named = any(b":" + name.encode() in xmp for name in XMP_PREVIEWS)
        return None if named or holds_image(xmp) else xmp
    changed = b"<!--" in xmp or bool(
        re.search(rb"<\?(?!xpacket|xml)", xmp)
    )  # comments and instructions may hold it too
    for parent in [*root.iter()]:
        for name, value in [*parent.attrib.items()]:
            if _local(name) in XMP_PREVIEWS or holds_image(value.encode()):
                del parent.attrib[name]
                changed = True
        for child in [*parent]:
            if _local(child.tag) in XMP_PREVIEWS or holds_image((child.text or "").encode()) or _is_split_image(child):
                parent.remove(child)
                changed = True
            elif child.tail is not None and holds_image(child.tail.encode()):
                child.tail, changed = None, True
    if not changed and not holds_image(xmp):
        return xmp
    for prefix, space in prefixes:
        with suppress(ValueError):
            if prefix and not _DEFAULT_PREFIX.fullmatch(prefix):
                ElementTree.register_namespace(prefix, space)
    packet = ElementTree.tostring(root, encoding="utf-8")
    return b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>' + packet + b'<?xpacket end="w"?>'


def _is_split_image(element: ElementTree.Element) -> bool:
    """Whether the items of a list are an encoded image that is cut into pieces."""
    if len(element) == 0 or _local(element[0].tag) != "li":
        return False
    joined = SPACES.sub(b"", "".join(item.text or "" for item in element).encode())
    return any(ENCODED_SIGNATURES.search(found[0]) for found in LONG_CODE.finditer(joined))


def _parsed(xmp: bytes) -> tuple[ElementTree.Element, list[tuple[str, str]]]:
    prefixes: list[tuple[str, str]] = []
    root: ElementTree.Element | None = None
    for event, found in ElementTree.iterparse(io.BytesIO(xmp.strip(b"\0 \n\r\t")), events=("start", "start-ns")):
        if event == "start-ns":
            prefixes.append(found)
        elif root is None:
            root = found
    if root is None:
        raise ValueError("an empty packet")
    return root, prefixes


def _local(name: object) -> str:
    return str(name).rpartition("}")[2]


def is_iptc_preview(key: tuple[int, int], value: bytes) -> bool:
    """Whether a data set of an IPTC-IIM block may show the image.

    Args:
        key: Its record and number.
        value: Its bytes.
    """
    return key in IPTC_PREVIEWS or key[0] > MAX_IPTC_RECORD or holds_image(value)
