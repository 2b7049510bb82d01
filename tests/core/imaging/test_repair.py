"""Sound pixels are read whatever lies beside them: a damaged or large chunk is dropped, and a note says so."""

import os
import struct
import zlib

import numpy as np
import pytest

from tests.support.image_kinds import RGB
from tests.support.image_metadata import jpeg_with, png_with, segment
from tests.support.png import chunk
from tests.support.uploads import encoded, pixels

LARGE = 3 << 20
ICCP = b"ICC Profile\0\0"
CASES = {  # name: (file, part of the note)
    "a large iCCP": (png_with(chunk(b"iCCP", ICCP + zlib.compress(os.urandom(LARGE)))), "iCCP"),
    "an iCCP that unpacks to much": (png_with(chunk(b"iCCP", ICCP + zlib.compress(bytes(LARGE)))), "iCCP"),
    "an iCCP of another method": (png_with(chunk(b"iCCP", b"x\0\1abc")), "iCCP"),
    "an empty iCCP": (png_with(chunk(b"iCCP", b"")), "iCCP"),
    "a wrong checksum": (png_with(chunk(b"iCCP", ICCP + zlib.compress(b"x"), damaged=True)), "iCCP"),
    "an unpackable iCCP": (png_with(chunk(b"iCCP", b"x\0\0abc")), "colour profile is damaged"),
    "a large zTXt": (png_with(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(LARGE)))), "zTXt"),
    "a large iTXt at the end": (
        png_with(after=chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(bytes(LARGE)))),
        "iTXt",
    ),
    "a short gAMA": (png_with(chunk(b"gAMA", b"ab")), "gAMA"),
    "a short pHYs": (png_with(chunk(b"pHYs", b"ab")), "pHYs"),
    "a short acTL": (png_with(chunk(b"acTL", b"ab")), "acTL"),
    "broken EXIF in a PNG": (png_with(chunk(b"eXIf", b"junk" * 9)), "EXIF"),
    "a broken ICC segment": (jpeg_with(segment(0xE2, b"ICC_PROFILE\0\1\2" + bytes(50))), "colour profile"),
    "broken EXIF in a JPEG": (jpeg_with(segment(0xE1, b"Exif\0\0" + b"junk" * 9)), "EXIF"),
    "a short JFIF": (jpeg_with(segment(0xE0, b"JFIF")), "all that is not needed"),
    "a long profile": (
        encoded(RGB, "JPEG", icc_profile=bytes(36) + b"acsp" + os.urandom(LARGE)),
        "colour profile is too long",
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_the_pixels_are_read_and_the_note_says_what_is_dropped(run, kind: str) -> None:  # type: ignore[no-untyped-def]
    data, note = CASES[kind]
    result = run(data)
    assert result.refused is None
    assert note in result.values["note"]
    assert (result.values["width"], result.values["height"]) == (40, 30)
    args = {"size": 8, "channels": 3, "radius": 8, "format": "same", "keep_exif": True}
    delivered = run(data, "encode_with_noise", (bytes([3] * 3 * 64),), **args)
    assert delivered.refused is None
    assert len(delivered.blobs[0]) < LARGE // 2


def test_no_pixel_changes_by_it(run) -> None:  # type: ignore[no-untyped-def]
    data = png_with(chunk(b"iCCP", b""), image=RGB.resize((32, 32)))
    result = run(data, "pixels", size=32, channels=3)
    expected = np.asarray(RGB.resize((32, 32))).transpose(2, 0, 1).tobytes()
    assert result.blobs[0] == expected


SOUND = {
    "broken MPF": jpeg_with(segment(0xE2, b"MPF\0junkjunkjunk")),
    "broken Photoshop data": jpeg_with(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\xff\xff\xff\xff")),
    "an empty APP2": jpeg_with(segment(0xE2, b"")),
    "broken XMP": jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<junk")),
}


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO file")
@pytest.mark.parametrize("kind", SOUND)
def test_other_broken_metadata_do_no_harm(run, kind: str) -> None:  # type: ignore[no-untyped-def]
    assert run(SOUND[kind]).refused is None


def test_damaged_pixels_are_still_refused(run) -> None:  # type: ignore[no-untyped-def]
    large = encoded(RGB.resize((200, 150)), "PNG")
    refused = run(large[:33] + chunk(b"iCCP", b"") + large[33:3000]).refused
    assert refused is not None


def test_a_bomb_in_a_note_stays_small(run) -> None:  # type: ignore[no-untyped-def]
    row = struct.pack(">I", 70)
    texts = [chunk(b"zTXt", b"C%d\0\0" % n + zlib.compress(bytes(1 << 20))) for n in range(70)]
    result = run(png_with(*texts, chunk(b"prVt", row)))
    assert result.refused is None
    assert "zTXt" in result.values["note"]
    assert pixels().shape == (30, 40, 3)
