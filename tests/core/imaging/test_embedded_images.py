"""With `keep_exif` everything stays but what shows the image without noise, wherever a camera or a program puts it."""

import base64
import io
import re
import struct

import pytest
from PIL import Image

from core.imaging.rights import iptc_segment
from tests.support.image_kinds import RGB, heic
from tests.support.image_metadata import jpeg_with, png_with, segment
from tests.support.png import chunk
from tests.support.uploads import encoded

PREVIEW = encoded(RGB.resize((64, 48)), "JPEG", quality=80)
CODE = base64.b64encode(PREVIEW)
NAMESPACES = b" ".join(
    b'xmlns:%s="%s"' % pair
    for pair in (
        (b"rdf", b"http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
        (b"dc", b"http://purl.org/dc/elements/1.1/"),
        (b"xmp", b"http://ns.adobe.com/xap/1.0/"),
        (b"xmpGImg", b"http://ns.adobe.com/xap/1.0/g/img/"),
        (b"GImage", b"http://ns.google.com/photos/1.0/image/"),
        (b"GDepth", b"http://ns.google.com/photos/1.0/depthmap/"),
        (b"foo", b"http://foo.example/"),
    )
)


def packet(inner: bytes = b"", attributes: bytes = b"", after: bytes = b"") -> bytes:
    return (
        b'<?xpacket begin="\xef\xbb\xbf" id="x"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF %s><rdf:Description '
        b'rdf:about="" dc:source="my street 5" %s>%s<dc:subject><rdf:Bag>%s</rdf:Bag></dc:subject></rdf:Description>'
        b'</rdf:RDF></x:xmpmeta>%s<?xpacket end="w"?>'
    ) % (NAMESPACES, attributes, inner, b"".join(b"<rdf:li>word%d</rdf:li>" % n for n in range(120)), after)


def broken(code: bytes, size: int, between: bytes) -> bytes:
    return between.join(code[place : place + size] for place in range(0, len(code), size))


BETWEEN_ITEMS = b"</rdf:li><rdf:li>"
PACKETS = {
    "xmp:Thumbnails": packet(
        b'<xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType="Resource"><xmpGImg:image>%s</xmpGImg:image></rdf:li>'
        b"</rdf:Alt></xmp:Thumbnails>" % broken(CODE, 76, b"&#xA;")
    ),
    "GImage:Data": packet(attributes=b'GImage:Data="%s"' % CODE),
    "GDepth:Data": packet(b"<GDepth:Data>%s</GDepth:Data>" % CODE),
    "an unknown property": packet(b"<foo:Bar>%s</foo:Bar>" % CODE),
    "broken by spaces": packet(b"<foo:Bar>%s</foo:Bar>" % broken(CODE, 30, b" ")),
    "in pieces": packet(b"<foo:B><rdf:Seq><rdf:li>%s</rdf:li></rdf:Seq></foo:B>" % broken(CODE, 300, BETWEEN_ITEMS)),
    "hexadecimal": packet(b"<foo:Bar>%s</foo:Bar>" % PREVIEW.hex().encode()),
    "for addresses": packet(b"<foo:Bar>%s</foo:Bar>" % base64.urlsafe_b64encode(PREVIEW)),
    "CDATA": packet(b"<foo:Bar><![CDATA[%s]]></foo:Bar>" % CODE),
    "an entity": packet(b"<foo:Bar>&#47;%s</foo:Bar>" % CODE[1:]),
    "a comment": packet(after=b"<!--%s-->" % CODE),
    "an instruction": packet(after=b"<?foo %s?>" % CODE),
    "a broken packet": packet(b"<foo:Bar>%s" % CODE),
}  # fmt: skip


def deliver(run, data: bytes, format: str = "same") -> bytes:  # type: ignore[no-untyped-def]
    args = {"size": 8, "channels": 3, "radius": 8, "format": format, "keep_exif": True}
    result = run(data, "encode_with_noise", (bytes([3] * 3 * 64),), **args)
    assert result.refused is None
    return bytes(result.blobs[0])


def shows_preview(data: bytes) -> bool:
    joined = re.sub(rb"\s+|&#\w+;|</?rdf:li>", b"", data)
    pixels = PREVIEW[-90:-50]  # not the tables, which every JPEG has
    parts = (pixels, pixels.hex().encode(), CODE[-140:-60], base64.urlsafe_b64encode(PREVIEW)[-140:-60])
    return any(part in data or part in joined for part in parts)


@pytest.mark.parametrize("kind", PACKETS)
@pytest.mark.parametrize("format", ["same", "png"])
def test_no_preview_in_xmp_stays(run, kind: str, format: str) -> None:  # type: ignore[no-untyped-def]
    data = jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKETS[kind]))
    assert shows_preview(data)
    delivered = deliver(run, data, format)
    assert not shows_preview(delivered)
    if kind != "a broken packet":
        xmp = Image.open(io.BytesIO(delivered)).info["xmp"]
        assert b"my street 5" in xmp
        assert b"word119" in xmp


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "HEIC", "PNG"])
def test_no_preview_in_xmp_of_other_formats_stays(run, kind: str) -> None:  # type: ignore[no-untyped-def]
    xmp = PACKETS["an unknown property"]
    if kind == "PNG":
        data = png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
    else:
        data = heic(RGB, xmp=xmp) if kind == "HEIC" else encoded(RGB, kind, xmp=xmp)
    assert shows_preview(data)
    assert not shows_preview(deliver(run, data))


def exif_with(where: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    details = exif.get_ifd(0x8769)
    details[0xA431] = "SERIAL-12345"
    if where == "the maker's note":
        details[0x927C] = b"Maker\0" + PREVIEW
    elif where == "a comment":
        details[0x9286] = b"ASCII\0\0\0" + CODE
    elif where == "the interoperability table":
        details[0xA005] = {1: "R98", 0x1000: PREVIEW}
    elif where == "GPS":
        exif.get_ifd(0x8825)[0x1B] = PREVIEW
    else:
        exif[{"Windows": 0x501B, "a description": 0x010E, "Photoshop": 0x8649, "a private tag": 0xC6D2}[where]] = (
            CODE.decode() if where == "a description" else PREVIEW
        )
    return exif


@pytest.mark.parametrize(
    "where",
    [
        *("the maker's note", "a comment", "the interoperability table", "GPS"),
        *("Windows", "a description", "Photoshop", "a private tag"),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_no_preview_in_exif_stays(run, where: str, format: str) -> None:  # type: ignore[no-untyped-def]
    data = encoded(RGB, format, exif=exif_with(where))
    assert shows_preview(data)
    delivered = deliver(run, data)
    assert not shows_preview(delivered)
    exif = Image.open(io.BytesIO(delivered)).getexif()
    assert exif[0x010F] == "a camera"
    assert exif.get_ifd(0x8769)[0xA431] == "SERIAL-12345"


def resource(number: int, block: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(block)) + block + bytes(len(block) % 2)


IPTC = struct.pack(">3BH", 0x1C, 2, 25, 4) + b"home" + struct.pack(">3BH", 0x1C, 2, 202, len(PREVIEW)) + PREVIEW
ELSEWHERE = {
    "a thumbnail of Photoshop": jpeg_with(segment(0xED, b"Photoshop 3.0\0" + resource(0x040C, PREVIEW))),
    "a preview of IPTC": jpeg_with(iptc_segment(IPTC)),
    "a thumbnail of JFXX": jpeg_with(segment(0xE0, b"JFXX\0\x10" + PREVIEW)),
    "a second image (MPF)": encoded(RGB, "MPO", save_all=True, append_images=[Image.open(io.BytesIO(PREVIEW))]),
    "a gain map or a motion photo": jpeg_with(trailer=PREVIEW + b"\0\0\0\x18ftypmp42" + PREVIEW),
    "a text of a PNG": png_with(chunk(b"tEXt", b"Author\0" + CODE)),
    "a raw profile": png_with(chunk(b"tEXt", b"Raw profile type 8bim\0\n8bim\n9\n" + PREVIEW.hex().encode())),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_no_preview_elsewhere_stays(run, kind: str) -> None:  # type: ignore[no-untyped-def]
    delivered = deliver(run, ELSEWHERE[kind])
    assert not shows_preview(delivered)
    assert delivered.count(b"\xff\xd8\xff") == (1 if delivered.startswith(b"\xff\xd8") else 0)
    if kind == "a preview of IPTC":
        assert b"home" in delivered
