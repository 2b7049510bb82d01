"""Who made an image and whose it is: the metadata that stay by default. Runs in the sandbox only.

All other metadata go: places, serial numbers, notes of makers, previews and comments.
"""

import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

from PIL import Image

from core.imaging.embedded_images import is_iptc_preview

EXIF_TAGS = (0x013B, 0x8298, 0x9C9D)  # artist, copyright, Windows' author
PNG_KEYWORDS = ("Author", "Copyright")
MAX_BYTES = 32_000  # of one block: a JPEG holds at most 64 KiB

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC, PHOTOSHOP = "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/photoshop/1.0/"
XMP_PROPERTIES = {  # by namespace: its usual prefix, and the properties that stay
    DC: ("dc", ("creator", "rights")),
    PHOTOSHOP: ("photoshop", ("Credit", "Source", "AuthorsPosition")),
    "http://ns.adobe.com/xap/1.0/rights/": (
        "xmpRights", ("Certificate", "Marked", "Owner", "UsageTerms", "WebStatement")
    ),
    "http://creativecommons.org/ns#": ("cc", ("license", "attributionName", "attributionURL", "morePermissions")),
    "http://ns.useplus.org/ldf/xmp/1.0/": (
        "plus",
        (
            *("CopyrightOwner", "CopyrightOwnerName", "CopyrightStatus", "CreditLineRequired", "ImageCreator"),
            *("ImageCreatorName", "Licensor", "LicensorName", "LicensorURL", "DataMining", "OtherConstraints"),
        ),
    ),
}  # fmt: skip
_KEPT = {f"{{{space}}}{name}" for space, (_, names) in XMP_PROPERTIES.items() for name in names}

IPTC_CHARSET, IPTC_UTF8 = (1, 90), b"\x1b%G"
IPTC_FIELDS = {  # IPTC-IIM data sets, and the XMP properties that mean the same
    (2, 80): f"{{{DC}}}creator",
    (2, 85): f"{{{PHOTOSHOP}}}AuthorsPosition",
    (2, 110): f"{{{PHOTOSHOP}}}Credit",
    (2, 115): f"{{{PHOTOSHOP}}}Source",
    (2, 116): f"{{{DC}}}rights",
}


def rights_in_exif(exif: bytes | None) -> bytes | None:
    """An EXIF block with the artist and the copyright of another; None if it has neither."""
    if exif is None:
        return None
    with suppress(Exception):  # untrusted tags; the pixels do not depend on them
        before, after = Image.Exif(), Image.Exif()
        before.load(exif)
        for tag in EXIF_TAGS:
            if tag in before and len(before[tag]) <= MAX_BYTES // 4:
                after[tag] = as_stored(before[tag])
        return after.tobytes() if len(after) else None
    return None


def as_stored(value: Any) -> Any:
    """The value of an EXIF tag to write; a text as its bytes: Pillow reads them as Latin-1, and writes ASCII only."""
    return value.encode("latin-1", "replace") if isinstance(value, str) else value


def rights_in_iptc(block: bytes | None) -> bytes | None:
    """An IPTC-IIM block with the creator, credit, source and copyright of another; None if it has none of them."""
    retained = [(key, value) for key, value in _iptc_fields(block or b"") if key in IPTC_FIELDS or key == IPTC_CHARSET]
    if {key for key, _ in retained} <= {IPTC_CHARSET}:
        return None
    return b"".join(struct.pack(">3BH", 0x1C, *key, len(value)) + value for key, value in retained)[:MAX_BYTES]


def iptc_without_previews(block: bytes | None) -> bytes | None:
    """An IPTC-IIM block without the data sets that may show the image; None if nothing is left."""
    retained = [(key, value) for key, value in _iptc_fields(block or b"") if not is_iptc_preview(key, value)]
    return b"".join(struct.pack(">3BH", 0x1C, *key, len(value)) + value for key, value in retained) or None


def rights_in_xmp(xmp: bytes | None, iptc: bytes | None = None) -> bytes | None:
    """An XMP packet with the creator, rights, licence and credit of another; None if it has none of them.

    Args:
        xmp: The packet, which may be damaged.
        iptc: An IPTC-IIM block; its fields that the packet lacks are added.
    """
    description = ElementTree.Element(f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})
    for one in _descriptions(xmp):
        for name, value in one.attrib.items():
            if name in _KEPT:
                description.set(name, value)
        description.extend(child for child in one if child.tag in _KEPT)
    for name, values in _iptc_as_xmp(iptc or b"").items():
        if name not in description.attrib and description.find(name) is None:
            _add(description, name, values)
    if not len(description) and len(description.attrib) == 1:
        return None
    root = ElementTree.Element("{adobe:ns:meta/}xmpmeta")
    ElementTree.SubElement(root, f"{{{RDF}}}RDF").append(description)
    packet = (
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        + ElementTree.tostring(root, encoding="utf-8")
        + b'<?xpacket end="w"?>'
    )
    return packet if len(packet) <= MAX_BYTES else None


def iptc_of(image: Image.Image) -> bytes | None:
    """The IPTC-IIM block of an opened JPEG, which lies among the resources of Photoshop; None if there is none."""
    resources = image.info.get("photoshop")
    block = resources.get(0x0404) if isinstance(resources, Mapping) else None
    return block if isinstance(block, bytes) else None


def iptc_segment(block: bytes) -> bytes:
    """The JPEG segment (APP13) that holds an IPTC-IIM block."""
    resource = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(block)) + block + b"\0" * (len(block) % 2)
    content = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(content) + 2) + content


def _descriptions(xmp: bytes | None) -> Iterator[ElementTree.Element]:
    with suppress(ElementTree.ParseError, ValueError, LookupError):
        if xmp is not None:
            yield from ElementTree.fromstring(xmp.strip(b"\0 \n")).iter(f"{{{RDF}}}Description")


def _add(description: ElementTree.Element, name: str, values: list[str]) -> None:
    """Add a property: the creators as a list, the rights in a default language, others as text."""
    parent = ElementTree.SubElement(description, name)
    if name == f"{{{DC}}}creator":
        parent = ElementTree.SubElement(parent, f"{{{RDF}}}Seq")
        for value in values:
            ElementTree.SubElement(parent, f"{{{RDF}}}li").text = value
    elif name == f"{{{DC}}}rights":
        parent = ElementTree.SubElement(parent, f"{{{RDF}}}Alt")
        language = {"{http://www.w3.org/XML/1998/namespace}lang": "x-default"}
        ElementTree.SubElement(parent, f"{{{RDF}}}li", language).text = values[0]
    else:
        parent.text = values[0]


def _iptc_fields(block: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    start = 0
    while start + 5 <= len(block) and block[start] == 0x1C:
        record, number, length = struct.unpack_from(">BBH", block, start + 1)
        if length & 0x8000:  # a longer field, which none of ours is
            return
        yield (record, number), block[start + 5 : start + 5 + length]
        start += 5 + length


def _iptc_as_xmp(block: bytes) -> dict[str, list[str]]:
    fields = list(_iptc_fields(block))
    encoding = "utf-8" if (IPTC_CHARSET, IPTC_UTF8) in fields else "latin-1"
    found: dict[str, list[str]] = {}
    for key, value in fields:
        if key in IPTC_FIELDS:
            text = "".join(character for character in value.decode(encoding, "replace") if character >= " ")
            found.setdefault(IPTC_FIELDS[key], []).append(text)
    return found


for _space, (_prefix, _) in XMP_PROPERTIES.items():
    ElementTree.register_namespace(_prefix, _space)
ElementTree.register_namespace("rdf", RDF)
ElementTree.register_namespace("x", "adobe:ns:meta/")
