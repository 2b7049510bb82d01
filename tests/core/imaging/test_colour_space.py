"""What a file says about its colours stays, or a colour profile says the same; the user is told."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from core.imaging.icc_profile import ADOBE_RGB, SRGB, matrix_profile
from tests.support.image_kinds import RGB, heic
from tests.support.image_metadata import png_with
from tests.support.png import chunk
from tests.support.uploads import encoded, pixels

ADOBE_CHROMATICITIES = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
GAMMA = chunk(b"gAMA", struct.pack(">I", 100000))
CHROMATICITIES = chunk(b"cHRM", struct.pack(">8I", *ADOBE_CHROMATICITIES))
IMAGES = {
    "RGB": RGB,
    "greyscale": RGB.convert("L"),
    "palette": RGB.quantize(16),
    "RGBA": Image.fromarray(pixels(channels=4)),
    "greyscale with alpha": RGB.convert("LA"),
    "16 bits": Image.fromarray((np.asarray(RGB.convert("L")).astype(np.uint16)) * 257),
}


def deliver(run, data: bytes, *, keep_exif: bool = False, format: str = "same") -> bytes:  # type: ignore[no-untyped-def]
    args = {"size": 8, "channels": 3, "radius": 8, "format": format, "keep_exif": keep_exif}
    result = run(data, "encode_with_noise", (bytes([3] * 3 * 64),), **args)
    assert result.refused is None
    return bytes(result.blobs[0])


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("format", ["same", "png"])
@pytest.mark.parametrize("keep_exif", [True, False])
def test_gamma_and_chromaticities_stay(run, kind: str, format: str, keep_exif: bool) -> None:  # type: ignore[no-untyped-def]
    data = png_with(GAMMA, CHROMATICITIES, image=IMAGES[kind])
    assert "its colours are not sRGB (gAMA, cHRM), which is kept" in run(data).values["note"]
    image = Image.open(io.BytesIO(deliver(run, data, format=format, keep_exif=keep_exif)))
    assert image.info["gamma"] == 1.0
    assert image.info["chromaticity"] == tuple(value / 100000 for value in ADOBE_CHROMATICITIES)


def test_ordinary_colours_stay_without_a_word(run) -> None:  # type: ignore[no-untyped-def]
    data = png_with(chunk(b"sRGB", b"\1"), chunk(b"gAMA", struct.pack(">I", 45455)))
    assert run(data).values["note"] is None
    assert Image.open(io.BytesIO(deliver(run, data))).info["srgb"] == 1


def test_code_points_stay(run) -> None:  # type: ignore[no-untyped-def]
    stated = chunk(b"cICP", bytes((12, 13, 0, 1)))
    assert "cICP" in run(png_with(stated)).values["note"]
    assert stated in deliver(run, png_with(stated))


def test_a_profile_is_stronger_than_gamma(run) -> None:  # type: ignore[no-untyped-def]
    profile = matrix_profile(ADOBE_RGB)
    data = encoded(RGB, "PNG", icc_profile=profile)
    assert run(data[:33] + GAMMA + data[33:]).values["note"] is None
    assert Image.open(io.BytesIO(deliver(run, data))).info["icc_profile"] == profile


def adobe_exif(space: int, index: str | None) -> Image.Exif:
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    details[0xA001] = space
    if index is not None:
        details[0xA005] = {1: index}
    return exif


@pytest.mark.parametrize(("space", "index"), [(0xFFFF, "R03"), (2, None)])
@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_adobe_rgb_in_exif_becomes_a_profile(run, space: int, index: str | None, format: str) -> None:  # type: ignore[no-untyped-def]
    data = encoded(RGB, format, exif=adobe_exif(space, index))
    assert "Adobe RGB" in run(data).values["note"]
    assert Image.open(io.BytesIO(deliver(run, data))).info["icc_profile"] == matrix_profile(ADOBE_RGB)


@pytest.mark.parametrize(("space", "index"), [(1, "R98"), (0xFFFF, "R98"), (0xFFFF, None)])
def test_other_exif_says_nothing_of_colours(run, space: int, index: str | None) -> None:  # type: ignore[no-untyped-def]
    data = encoded(RGB, "JPEG", exif=adobe_exif(space, index))
    assert run(data).values["note"] is None
    assert "icc_profile" not in Image.open(io.BytesIO(deliver(run, data))).info


def with_nclx(data: bytes, primaries: int, transfer: int) -> bytes:
    place = data.index(b"colrnclx") + 8
    return data[:place] + struct.pack(">HH", primaries, transfer) + data[place + 4 :]


@pytest.mark.parametrize("file", [heic(RGB), encoded(RGB, "AVIF")], ids=["HEIC", "AVIF"])
def test_display_p3_without_a_profile_gets_one(run, file: bytes) -> None:  # type: ignore[no-untyped-def]
    data = with_nclx(file, 12, 13)
    assert "Display P3" in run(data).values["note"]
    profile = ImageCms.ImageCmsProfile(io.BytesIO(Image.open(io.BytesIO(deliver(run, data))).info["icc_profile"]))
    assert ImageCms.getProfileDescription(profile).strip() == "Display P3"
    assert run(file).values["note"] is None
    assert "HDR" in run(with_nclx(file, 9, 16)).values["note"]


def test_the_profiles_that_are_made_say_what_they_mean() -> None:
    def to_srgb(profile: bytes, colour: tuple[int, int, int]) -> tuple[int, ...]:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        image = ImageCms.profileToProfile(
            Image.new("RGB", (1, 1), colour), source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        assert image is not None
        return image.getpixel((0, 0))  # type: ignore[return-value]

    for colour in ((120, 200, 40), (10, 20, 200), (128, 128, 128)):
        assert to_srgb(matrix_profile(SRGB), colour) == pytest.approx(colour, abs=1)
    assert to_srgb(matrix_profile(ADOBE_RGB), (200, 150, 120)) == pytest.approx((217, 150, 118), abs=3)
    assert to_srgb(matrix_profile(ADOBE_RGB), (128, 128, 128)) == pytest.approx((129, 129, 129), abs=1)


def test_a_profile_for_other_pixels_is_dropped_with_a_note(run) -> None:  # type: ignore[no-untyped-def]
    data = encoded(RGB.convert("L"), "PNG", icc_profile=matrix_profile(SRGB))
    assert "for other pixels" in run(data).values["note"]


@pytest.mark.parametrize(("largest", "warned"), [(4095, True), (1023, True), (65535, False), (20000, False)])
def test_a_narrow_range_of_16_bits_is_a_warning(run, largest: int, warned: bool) -> None:  # type: ignore[no-untyped-def]
    values = np.linspace(0, largest, 1200).astype(np.uint16).reshape(30, 40)
    note = run(encoded(Image.fromarray(values), "PNG")).values["note"]
    assert ("narrow range" in note) == warned
