"""What stays of an image's metadata by default: who made it and whose it is, in every format, and nothing private."""

import io
import struct

import pytest
from PIL import Image, ImageCms, IptcImagePlugin

from core.imaging.rights import iptc_segment, rights_in_exif, rights_in_iptc, rights_in_xmp
from tests.support.image_kinds import RGB, heic
from tests.support.uploads import encoded

ARTIST, COPYRIGHT = "Ada Lovelace", "© 2026 Ada"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PRIVATE = (b"SERIAL-12345", b"MAKER-NOTE", b"my street 5", b"a comment", b"PREVIEW", b"51.5N")
XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" photoshop:Credit="Ada's agency" aux:SerialNumber="SERIAL-12345"
 tiff:Orientation="6" exif:GPSLatitude="51.5N"
 plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING">
<dc:creator><rdf:Seq><rdf:li>Ada Lovelace</rdf:li></rdf:Seq></dc:creator>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© 2026 Ada</rdf:li></rdf:Alt></dc:rights>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">my street 5</rdf:li></rdf:Alt></dc:description>
<xmp:Thumbnails><rdf:Alt><rdf:li>PREVIEW</rdf:li></rdf:Alt></xmp:Thumbnails>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def full_exif(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B], exif[0x8298], exif[0x010E] = orientation, ARTIST, COPYRIGHT.encode(), "my street 5"
    exif[0x9C9D] = ARTIST.encode("utf-16-le")
    exif.get_ifd(0x8769).update({0xA431: "SERIAL-12345", 0x927C: b"MAKER-NOTE", 0x9286: b"ASCII\0\0\0a comment"})
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 0.0)})
    return exif


def with_tables(exif: Image.Exif) -> Image.Exif:
    """The same, with its tables as Pillow writes them to a TIFF."""
    exif[0x8769], exif[0x8825] = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    return exif


def iptc() -> bytes:
    fields = {(1, 90): b"\x1b%G", (2, 25): b"my street 5", (2, 80): ARTIST.encode(), (2, 116): COPYRIGHT.encode()}
    return b"".join(struct.pack(">3BH", 0x1C, *key, len(value)) + value for key, value in fields.items())


SAVE = {
    "JPEG": {"exif": full_exif(), "xmp": XMP, "comment": b"a comment", "quality": 90, "extra": iptc_segment(iptc())},
    "PNG": {"exif": full_exif()},
    "WEBP": {"exif": full_exif().tobytes(), "xmp": XMP},
    "AVIF": {"exif": full_exif(orientation=1), "xmp": XMP},  # Pillow loses a © of an AVIF that it turns
    "TIFF": {"exif": with_tables(full_exif())},
}


def upload(kind: str) -> bytes:
    if kind == "HEIC":
        return heic(RGB, exif=full_exif().tobytes(), xmp=XMP, icc_profile=PROFILE)
    return encoded(RGB, kind, **SAVE[kind], icc_profile=PROFILE)


def deliver(run, data: bytes, format: str, *, keep_exif: bool = False) -> bytes:  # type: ignore[no-untyped-def]
    args = {"size": 16, "channels": 3, "radius": 8, "format": format, "keep_exif": keep_exif}
    result = run(data, "encode_with_noise", (bytes([5] * 3 * 16 * 16),), **args)
    assert result.refused is None
    return bytes(result.blobs[0])


@pytest.mark.parametrize("kind", [*SAVE, "HEIC"])
@pytest.mark.parametrize("format", ["same", "png"])
def test_the_rights_stay_and_what_is_private_goes(run, kind: str, format: str) -> None:  # type: ignore[no-untyped-def]
    data = upload(kind)
    assert b"SERIAL-12345" in data
    delivered = deliver(run, data, format)
    image = Image.open(io.BytesIO(delivered))
    image.load()
    exif = image.getexif()
    assert (exif[0x013B], exif[0x8298].encode("latin-1").decode()) == (ARTIST, COPYRIGHT)
    assert exif[0x9C9D] == ARTIST.encode("utf-16-le")
    stored = {"ExifIFDPointer": 0x8769, "GPS": 0x8825, "thumbnail": 1}
    assert not [name for name, table in stored.items() if exif.get_ifd(table)]
    assert 0x0112 not in exif or exif[0x0112] == 1
    assert not [secret for secret in PRIVATE if secret in delivered]
    assert "comment" not in image.info
    assert image.info["icc_profile"] == PROFILE
    assert image.size == (30, 40)
    if "xmp" in SAVE.get(kind, {"xmp": XMP}):
        text = image.info["xmp"].decode()
        assert COPYRIGHT in text
        assert ARTIST in text
        assert "DMI-PROHIBITED-AIMLTRAINING" in text
        assert "Ada's agency" in text


@pytest.mark.parametrize("kind", [*SAVE, "HEIC"])
def test_everything_but_previews_stays_on_request(run, kind: str) -> None:  # type: ignore[no-untyped-def]
    image = Image.open(io.BytesIO(deliver(run, upload(kind), "same", keep_exif=True)))
    exif = image.getexif()
    assert exif[0x010E] == "my street 5"
    assert exif.get_ifd(0x8769)[0xA431] == "SERIAL-12345"
    assert exif.get_ifd(0x8825)[2] == (51.0, 30.0, 0.0)
    assert exif.get(0x0112, 1) == 1
    if "xmp" in SAVE.get(kind, {"xmp": XMP}):
        assert b"my street 5" in image.info["xmp"]
        assert b"PREVIEW" not in image.info["xmp"]


def test_a_preview_in_exif_never_stays(run) -> None:  # type: ignore[no-untyped-def]
    """A camera's small JPEG shows the image without noise."""
    preview = encoded(RGB.resize((16, 12)), "JPEG", comment=b"PREVIEW")
    tags = [(0x0103, 6), (0x0201, 8 + 2 + 12 + 4 + 2 + 3 * 12 + 4), (0x0202, len(preview))]
    first = struct.pack("<HHHIII", 1, 0x0128, 3, 1, 2, 26)
    second = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags) + bytes(4)
    data = encoded(RGB, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0" + first + second + preview)
    assert b"PREVIEW" in data
    for format in ("same", "png"):
        for keep_exif in (False, True):
            assert b"PREVIEW" not in deliver(run, data, format, keep_exif=keep_exif)


def test_iptc_stays_in_a_jpeg_and_becomes_xmp_elsewhere(run) -> None:  # type: ignore[no-untyped-def]
    data = encoded(RGB, "JPEG", extra=iptc_segment(iptc()))
    found = IptcImagePlugin.getiptcinfo(Image.open(io.BytesIO(deliver(run, data, "same"))))
    assert found == {(1, 90): b"\x1b%G", (2, 80): ARTIST.encode(), (2, 116): COPYRIGHT.encode()}
    text = Image.open(io.BytesIO(deliver(run, data, "png"))).info["xmp"].decode()
    assert ARTIST in text
    assert COPYRIGHT in text
    assert "my street 5" not in text
    whole = IptcImagePlugin.getiptcinfo(Image.open(io.BytesIO(deliver(run, data, "same", keep_exif=True))))
    assert whole is not None
    assert whole[(2, 25)] == b"my street 5"


def test_the_author_in_the_texts_of_a_png_stays(run) -> None:  # type: ignore[no-untyped-def]
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for keyword, text in (("Author", ARTIST), ("Copyright", COPYRIGHT), ("Comment", "a comment")):
        info.add_itxt(keyword, text)
    image = Image.open(io.BytesIO(deliver(run, encoded(RGB, "PNG", pnginfo=info), "same")))
    image.load()
    assert image.text == {"Author": ARTIST, "Copyright": COPYRIGHT}


def test_an_image_without_rights_gets_no_metadata(run) -> None:  # type: ignore[no-untyped-def]
    image = Image.open(io.BytesIO(deliver(run, encoded(RGB, "JPEG", comment=b"a comment"), "same")))
    assert not image.getexif()
    assert not {"xmp", "photoshop", "comment"} & image.info.keys()


def test_blocks_too_long_for_a_jpeg_are_reduced_to_the_rights(run) -> None:  # type: ignore[no-untyped-def]
    exif = full_exif()
    exif[0x010E] = "long " * 20_000
    long_xmp = XMP.replace(b"my street 5", b"long " * 20_000)
    data = heic(RGB, exif=exif.tobytes(), xmp=long_xmp)
    image = Image.open(io.BytesIO(deliver(run, data, "same", keep_exif=True)))
    assert image.format == "JPEG"
    assert image.getexif()[0x8298].encode("latin-1").decode() == COPYRIGHT
    assert COPYRIGHT in image.info["xmp"].decode()


@pytest.mark.parametrize("damaged", [b"", b"<", b"no xml", XMP[:400], XMP.replace(b"rdf:li>", b"rdf:l>"), b"\xff\xfe<"])
def test_damaged_xmp_counts_as_none(damaged: bytes) -> None:
    assert rights_in_xmp(damaged) is None
    assert rights_in_xmp(damaged, iptc()) is not None


def test_an_entity_that_grows_is_not_expanded() -> None:
    layers = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 20}">' for i in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY a0 "{"x" * 100}">{layers}]><x>&a11;</x>'.encode()
    assert rights_in_xmp(bomb) is None


@pytest.mark.parametrize("damaged", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"nothing of the kind"])
def test_damaged_exif_counts_as_none(damaged: bytes) -> None:
    assert rights_in_exif(damaged) is None
    assert rights_in_iptc(damaged) is None
