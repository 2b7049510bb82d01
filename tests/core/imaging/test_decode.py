"""Decoding: each kind of image in its upright 8-bit form, with a note on what changed, or the reason to refuse it."""

import struct

import numpy as np
import pytest
from PIL import Image

from tests.support.image_kinds import LARGE_JPEG, RGB, SUPPORTED, animated
from tests.support.uploads import encoded, image_file, pixels, png


@pytest.mark.parametrize("kind", SUPPORTED)
def test_supported_kinds_are_decoded(run, kind: str) -> None:  # type: ignore[no-untyped-def]
    data, mode, format, note = SUPPORTED[kind]
    result = run(data)
    assert result.refused is None
    assert (result.values["mode"], result.values["format"]) == (mode, format)
    assert (note or "") in (result.values["note"] or "")
    assert (result.values["note"] is None) == (note is None)
    side = 1 if kind == "1 x 1" else None
    assert (result.values["width"], result.values["height"]) == (side or 40, side or 30)


REFUSED = {
    "a text called jpg": (b"I am a text file, not an image.\n", "text"),
    "an SVG": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "an empty file": (b"", "empty"),
    "noise": (bytes(range(256)), "it is not a JPEG"),
    "a web page": (b"<!DOCTYPE html><html></html>", "web page"),
    "a truncated JPEG": (LARGE_JPEG[: len(LARGE_JPEG) // 2], "truncated"),
    "a truncated PNG": (image_file("PNG", 200, 150)[:3000], "truncated"),
    "an animated GIF": (animated("GIF"), "animated"),
    "an animated WebP": (animated("WEBP"), "animated"),
    "an animated PNG": (animated("PNG"), "animated"),
    "several pages": (animated("TIFF"), "several pages"),
    "floating point": (encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), "not supported"),
    "32-bit numbers": (encoded(Image.fromarray(np.full((4, 4), 10**6, np.int32)), "TIFF"), "32-bit"),
    "too many pixels": (image_file("PNG", 1001, 1000), "more than 1,000,000 pixels"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "text"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("op", ["probe", "thumbnail"])
def test_unsupported_kinds_are_refused(run, kind: str, op: str) -> None:  # type: ignore[no-untyped-def]
    data, expected = REFUSED[kind]
    result = run(data, op, **({"edge": 20} if op == "thumbnail" else {}))
    assert result.refused is not None
    assert expected in result.refused


def test_16_bits_are_rounded_to_8(run) -> None:  # type: ignore[no-untyped-def]
    values = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    result = run(encoded(Image.fromarray(values), "PNG"), "pixels", size=64, channels=1)
    np.testing.assert_array_equal(np.frombuffer(result.blobs[0], np.uint8), np.rint(values.ravel() / 257))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_with_an_orientation_come_out_upright(run, orientation: int) -> None:  # type: ignore[no-untyped-def]
    transpose = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1]}
    sideways = {5: 0, 6: 3, 7: 2, 8: 1}
    stored = pixels(32, 32)
    if orientation in transpose:
        upright = transpose[orientation](stored)
    else:
        upright = np.rot90(stored, sideways[orientation]) if orientation in (6, 8) else stored.swapaxes(0, 1)
        upright = upright[::-1, ::-1] if orientation == 7 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = run(encoded(Image.fromarray(stored), "PNG", exif=exif), "pixels", size=32, channels=3)
    np.testing.assert_array_equal(
        np.frombuffer(result.blobs[0], np.uint8).reshape(3, 32, 32).transpose(1, 2, 0), upright
    )


@pytest.mark.parametrize("format", ["JPEG", "TIFF", "WEBP", "PNG"])
def test_the_size_of_a_rotated_image_is_upright(run, format: str) -> None:  # type: ignore[no-untyped-def]
    exif = Image.Exif()
    exif[0x0112] = 6
    values = run(encoded(RGB, format, exif=exif)).values
    assert (values["width"], values["height"]) == (30, 40)


def test_an_image_of_the_right_size_does_not_change(run) -> None:  # type: ignore[no-untyped-def]
    result = run(image_file(width=32, height=32), "pixels", size=32, channels=3)
    np.testing.assert_array_equal(
        np.frombuffer(result.blobs[0], np.uint8).reshape(3, 32, 32), pixels(32, 32).transpose(2, 0, 1)
    )


def test_colours_under_transparent_pixels_stay(run) -> None:  # type: ignore[no-untyped-def]
    values = pixels(32, 32, 4).copy()
    values[..., 3] = 0
    result = run(encoded(Image.fromarray(values), "PNG"), "pixels", size=32, channels=3)
    np.testing.assert_array_equal(
        np.frombuffer(result.blobs[0], np.uint8).reshape(3, 32, 32), values[..., :3].transpose(2, 0, 1)
    )


def test_a_transparent_colour_of_16_bits_is_dropped_with_a_note(run) -> None:  # type: ignore[no-untyped-def]
    row = b"\0" + b"".join(struct.pack(">HHH", 300 * i, 200 * i, 100 * i) for i in range(16))
    result = run(png(16, 16, 16 * row, bits=16, key=struct.pack(">HHH", 300, 200, 100)))
    assert result.values["mode"] == "RGB"
    assert "transparent colour" in result.values["note"]
