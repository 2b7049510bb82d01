"""What a file is, by its first bytes: an image that can be protected, another image, or no image. The name says little.

Standard library only.
"""

import re
from dataclasses import dataclass
from typing import Literal

from core.filenames import is_image, suffix

HEAD_BYTES = 4096
"""How many first bytes of a file tell what it is."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds.

    Attributes:
        use: `image`: it may be protected; `unsupported`: an image that cannot be; `other`: no image.
        what: What it is, to follow "it is".
        is_text: Whether it is text, of whatever kind.
    """

    use: Literal["image", "unsupported", "other"]
    what: str
    is_text: bool = False


IMAGE = Content("image", "an image")
TEXT = Content("other", "text", is_text=True)
UNKNOWN = Content("other", "a file of an unknown kind")
EMPTY = Content("other", "an empty file", is_text=True)

_IMAGES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF.{4}WEBP|GIF8[79]a|II[*+]\0|MM\0[*+]|.{4}ftyp(?:avi[fs]|hei[cxms]|hev[cxms]|m[is]f1)"
    rb"|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0|P[1-6](?:\s+#[^\n]*)*\s+\d{1,6}(?:\s+#[^\n]*)*\s+\d",
    re.DOTALL,
)
_RAW_SUFFIXES = frozenset(
    (
        *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raw", ".raf"),
        *(".pef", ".srw", ".x3f", ".3fr", ".fff", ".iiq", ".erf", ".kdc", ".dcr", ".mef", ".mos", ".mrw", ".rwl"),
    )
)
_RAW = Content("unsupported", "a RAW photograph")
_UNSUPPORTED = (
    (rb"II\*\0.{4}CR|.{4}ftypcrx |FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0|FOVb|\0MRM", _RAW.what),
    (rb"8BP[SB]", "a Photoshop image (PSD)"),
    (rb"gimp xcf", "a GIMP image (XCF)"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL image"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (rb"\0\0[\x01\x02]\0[\x01-\xff]\0..[\0-\xff]\0", "an icon (ICO)"),
    (rb"icns", "an icon (ICNS)"),
    (rb"DDS ", "a texture (DDS)"),
    (rb"\x76\x2f\x31\x01", "an OpenEXR image"),
    (rb"#\?RADIANCE|#\?RGBE", "a Radiance image (HDR)"),
    (rb"qoif", "a QOI image"),
    (rb"\x0a[\0-\x05]\x01[\x01\x02\x04\x08]", "a PCX image"),
    (rb"\x01\xda[\0\x01][\x01\x02]", "an SGI image"),
    (rb"\x59\xa6\x6a\x95", "a Sun raster image"),
    (rb"P7\n|P[fF]\n", "a PAM or PFM image"),
    (rb"BPG\xfb|FLIF", "a BPG or FLIF image"),
    (rb"[\x8a\x8b][MJ]NG\r\n", "an MNG or JNG image"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "an EPS drawing"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "a Windows drawing (WMF or EMF)"),
    (rb"/\* XPM", "an XPM image"),
    (rb".{128}DICM", "a DICOM image"),
    (rb"SIMPLE  =", "a FITS image"),
)
_OTHERS = (
    (rb".{4}(?:ftyp|moov|mdat|wide|free|skip|pnot)|RIFF.{4}AVI |\x1aE\xdf\xa3|\0\0\x01[\xba\xb3]|FLV\x01", "a video"),
    (rb"G.{187}G.{187}G|0&\xb2u\x8ef\xcf\x11|OggS", "a video or a sound"),
    (rb"ID3|fLaC|RIFF.{4}WAVE|\xff[\xfb\xf3\xf2\xf1\xf9]|FORM.{4}AIFF", "a sound"),
    (rb"%PDF", "a PDF document"),
    (rb"PK\x03\x04|PK\x05\x06", "an archive or a document that is one (zip)"),
    (rb"\x1f\x8b|BZh[1-9]|\xfd7zXZ\0|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd|.{257}ustar", "an archive"),
    (rb"\xd0\xcf\x11\xe0", "an Office document"),
    (rb"\x93NUMPY|\x89HDF\r\n|PAR1|ARROW1|MATLAB 5\.0|SQLite format 3|\x80[\x02-\x05]", "a file of data"),
    (rb"MZ.\0|\x7fELF|\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe", "a program"),
)
_SIGNATURES = (
    *((re.compile(pattern, re.DOTALL), Content("unsupported", what)) for pattern, what in _UNSUPPORTED),
    *((re.compile(pattern, re.DOTALL), Content("other", what)) for pattern, what in _OTHERS),
)
_BY_SUFFIX = {
    **dict.fromkeys((".svg", ".svgz"), Content("unsupported", "an SVG drawing")),
    **dict.fromkeys(_RAW_SUFFIXES, _RAW),
    **dict.fromkeys((".tga", ".icb", ".vda", ".vst"), Content("unsupported", "a TGA image")),
    **dict.fromkeys((".psd", ".psb"), Content("unsupported", "a Photoshop image (PSD)")),
    **dict.fromkeys((".jp2", ".j2k", ".jpx", ".jpf"), Content("unsupported", "a JPEG 2000 image")),
    **{".jxl": Content("unsupported", "a JPEG XL image"), ".eps": Content("unsupported", "an EPS drawing")},
    **{".ico": Content("unsupported", "an icon (ICO)"), ".pict": Content("unsupported", "a PICT image")},
}
_PROLOGUE = (  # atomic, so that no text makes the expression try all ways to divide it
    rb"(?:\xef\xbb\xbf)?\s*+(?:(?><\?.*?\?>)\s*+|(?><!--.*?-->)\s*+|(?><!doctype svg[^>\[]*+(?:\[.*?\]\s*+)?+>)\s*+)*+"
)
_TEXTS = tuple(
    (re.compile(_PROLOGUE + start, re.IGNORECASE | re.DOTALL), content)
    for start, content in (
        (rb"<(?:\w+:)?svg[\s>]", _BY_SUFFIX[".svg"]),
        (rb"<(?:!doctype html|html)[\s>]", Content("other", "a web page", is_text=True)),
        (rb"<x:xmpmeta|<rdf:RDF", Content("other", "metadata of an image (XMP)", is_text=True)),
    )
)
_CONTROLS = frozenset((*range(9), *range(14, 27), *range(28, 32)))
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_IMAGE_AS_TEXT = re.compile(
    rb"data:image/|/9j/[0-9A-Za-z+/]{60}|iVBORw0KGgo[0-9A-Za-z+/]{40}|R0lGOD[lh]h[0-9A-Za-z+/]{20}"
    rb"|UklGR[0-9A-Za-z+/]{4,8}XRUJQV|[fF]{2}[dD]8[fF]{2}[0-9A-Fa-f]{80}|89504[eE]470[dD]0[aA]1[aA]0[aA][0-9A-Fa-f]{40}"
)


def content_of(path: str, head: bytes) -> Content:
    """What a file is.

    Args:
        path: Its path. An image's extension makes it an image, so that a damaged one is listed as such.
        head: Its first HEAD_BYTES, or all of them.
    """
    ending = suffix(path)
    if is_image(path):
        return IMAGE
    if ending in _RAW_SUFFIXES and not head.startswith(b"\xff\xd8\xff"):
        return _RAW
    found = next((content for pattern, content in _SIGNATURES[: len(_UNSUPPORTED)] if pattern.match(head)), None)
    if found is not None:
        return found
    if _IMAGES.match(head):
        return IMAGE
    found = next((content for pattern, content in _SIGNATURES if pattern.match(head)), None)
    if found is None and is_text(head):
        found = next((content for pattern, content in _TEXTS if pattern.match(head)), None)
    if found is not None:
        return found
    return _BY_SUFFIX.get(ending) or (EMPTY if not head else TEXT if is_text(head) else UNKNOWN)


def is_image_content(head: bytes) -> bool:
    """Whether a file is an image that can be protected, and no tar.

    Args:
        head: Its first 512 bytes or more.
    """
    return head[257:262] != b"ustar" and content_of("", head).use == "image"


def is_text(head: bytes) -> bool:
    """Whether the start of a file is text: no control characters, or UTF-16 that says so."""
    return head.startswith(_BYTE_ORDER_MARKS) or _CONTROLS.isdisjoint(head)


def holds_image(text: bytes) -> bool:
    """Whether a text has an image written in it, as base64, hexadecimal digits or a data address.

    Args:
        text: The whole file.
    """
    return _IMAGE_AS_TEXT.search(text.replace(b"\0", b"") if text.startswith(_BYTE_ORDER_MARKS) else text) is not None
