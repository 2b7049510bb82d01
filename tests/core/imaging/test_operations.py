"""Encoding with noise: what changes in an image, what does not, and what is refused."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from core.errors import ImageRefused
from core.imaging import operations
from core.imaging.sandbox import SandboxResult
from tests.support.image_kinds import LARGE_JPEG, RGB, SUPPORTED
from tests.support.uploads import encoded, image_file, pixels, png


def encode_with_noise(
    run, data: bytes, radius: int = 8, format: str = "png", keep_exif: bool = False
) -> tuple[SandboxResult, Image.Image]:  # type: ignore[no-untyped-def]
    noise = np.random.default_rng(1).integers(-radius, radius + 1, (3, 16, 16)).astype(np.int8)
    result = run(
        data,
        "encode_with_noise",
        (noise.tobytes(),),
        size=16,
        channels=3,
        radius=radius,
        format=format,
        keep_exif=keep_exif,
    )
    assert result.refused is None
    image = Image.open(io.BytesIO(result.blobs[0]))
    image.load()
    return result, image


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_colour_of_a_greyscale_png_stays(run, bits: int) -> None:  # type: ignore[no-untyped-def]
    # At 16 bits two neighbouring values become one value of 8 bits.
    values = [i % 2**bits if bits < 16 else 257 * (i // 2) + i % 2 for i in range(16)]
    row = sum(value << bits * (15 - i) for i, value in enumerate(values)).to_bytes(2 * bits, "big")
    data = png(16, 16, 16 * (b"\0" + row), bits=bits, colour=0, key=struct.pack(">H", values[1]))
    assert run(data).values["mode"] == "LA"
    _, image = encode_with_noise(run, data)
    assert image.mode == "LA"
    assert np.asarray(image)[3, :, 1].tolist() == [0 if value == values[1] else 255 for value in values]


def test_alpha_does_not_change(run) -> None:  # type: ignore[no-untyped-def]
    values = pixels(channels=4)
    result, image = encode_with_noise(run, encoded(Image.fromarray(values), "PNG"))
    after = np.asarray(image)
    np.testing.assert_array_equal(after[..., 3], values[..., 3])
    gap = np.abs(after[..., :3].astype(int) - values[..., :3])
    assert 0 < gap.max() <= 8
    assert result.values["linf"] == gap.max()
    assert result.values["mae"] == pytest.approx(gap.mean())
    assert result.values["mse"] == pytest.approx((gap**2).mean())


def test_a_greyscale_image_stays_greyscale(run) -> None:  # type: ignore[no-untyped-def]
    result, image = encode_with_noise(run, encoded(RGB.convert("L"), "PNG"))
    assert image.mode == "L"
    assert 0 < result.values["linf"] <= 8


def test_the_colour_profile_stays_and_exif_only_on_request(run) -> None:  # type: ignore[no-untyped-def]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    data = encoded(RGB, "JPEG", icc_profile=profile, exif=exif, comment=b"at home", quality=95)
    for format in ("png", "same"):
        _, image = encode_with_noise(run, data, format=format)
        assert image.info["icc_profile"] == profile
        assert not image.getexif()
        assert "comment" not in image.info
        assert image.size == (30, 40)
        _, image = encode_with_noise(run, data, format=format, keep_exif=True)
        exif = image.getexif()
        assert exif[0x010F] == "a camera"
        assert exif.get_ifd(0x8825)[2] == (51.0, 30.0, 0.0)
        assert 0x0112 not in exif


def exif_block(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0116] = orientation, "a camera", 3  # 0x0116 is rows per strip
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    return exif.tobytes()


TIFFS = {
    **{f"orientation {value}": image_file("TIFF", exif=exif_block(value)) for value in (1, 3, 6, 8)},
    "YCbCr": encoded(RGB.convert("YCbCr"), "TIFF", exif=exif_block(6)),
    "YCbCr by JPEG": encoded(RGB.convert("YCbCr"), "TIFF", compression="jpeg"),
    "CMYK": encoded(RGB.convert("CMYK"), "TIFF", exif=exif_block(1)),
    "palette": encoded(RGB.quantize(16), "TIFF", exif=exif_block(1)),
    "RGBX": encoded(RGB.convert("RGBX"), "TIFF", exif=exif_block(1)),
    "bilevel": encoded(RGB.convert("1"), "TIFF", compression="group4"),
    "16 bits": encoded(Image.fromarray(np.full((30, 40), 30_000, np.uint16)), "TIFF", exif=exif_block(1)),
}


@pytest.mark.parametrize("kind", TIFFS)
@pytest.mark.parametrize("format", ["png", "same"])
def test_a_tiff_keeps_descriptive_tags_only(run, kind: str, format: str) -> None:  # type: ignore[no-untyped-def]
    result, image = encode_with_noise(run, TIFFS[kind], format=format, keep_exif=True)
    assert 0 < result.values["linf"] <= 8
    exif = image.getexif()
    assert 0x0112 not in exif
    if "JPEG" not in kind and kind != "bilevel":
        assert exif[0x010F] == "a camera"
        assert exif.get_ifd(0x8769)[0x9003] == "2020:01:01 00:00:00"
        assert exif.get_ifd(0x8825)[2] == (51.0, 30.0, 0.0)
    if format == "png":
        assert not exif.keys() & {256, 257, 258, 259, 262, 277, 278, 320, 338, 530, 532}


def test_a_tiff_keeps_its_xmp_without_the_orientation(run) -> None:  # type: ignore[no-untyped-def]
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6" dc:title="home"/></x:xmpmeta>'
    data = encoded(RGB, "TIFF", tiffinfo={0x02BC: xmp, 0x0112: 6})
    _, image = encode_with_noise(run, data, format="same", keep_exif=True)
    assert image.info["xmp"] == xmp.replace(b'tiff:Orientation="6"', b"")
    _, image = encode_with_noise(run, data, format="same")
    assert "xmp" not in image.info


def test_an_image_changed_by_a_lossless_encoder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    black = encoded(Image.new("RGB", (40, 30)), "PNG")
    monkeypatch.setattr("core.imaging.file_encoder.encode", lambda *_, **__: black)
    with pytest.raises(ImageRefused, match="changed its colours"):
        operations.encode_with_noise(
            image_file(), bytes(3 * 16 * 16), size=16, channels=3, radius=8, format="png", keep_exif=False
        )


def test_a_colour_profile_of_another_mode_is_dropped(run) -> None:  # type: ignore[no-untyped-def]
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"CMYK"  # an invalid profile: its content is not CMYK
    _, image = encode_with_noise(run, encoded(RGB.convert("CMYK"), "JPEG", icc_profile=bytes(profile)))
    assert image.mode == "RGB"
    assert "icc_profile" not in image.info


@pytest.mark.parametrize("kind", [kind for kind in SUPPORTED if kind != "1 x 1"])
@pytest.mark.parametrize("format", ["png", "same"])
def test_every_supported_kind_is_delivered(run, kind: str, format: str) -> None:  # type: ignore[no-untyped-def]
    data, mode, was, _ = SUPPORTED[kind]
    result, image = encode_with_noise(run, data, format=format)
    assert image.size == (40, 30)
    assert image.format == ("PNG" if format == "png" or was == "GIF" else was)
    lossy = image.format in ("JPEG", "AVIF") or (kind == "WebP" and format == "same")
    if not lossy:
        assert result.values["beyond"] == 0
        assert 0 < result.values["linf"] <= 8
        assert image.mode == mode
    assert result.values["mae"] < 8


def test_differences_and_pixels_are_those_of_the_encoded_file(run) -> None:  # type: ignore[no-untyped-def]
    before = Image.open(io.BytesIO(LARGE_JPEG))
    result, image = encode_with_noise(run, LARGE_JPEG, format="same")
    gap = np.abs(np.asarray(image).astype(int) - np.asarray(before))
    assert result.values["linf"] == gap.max()
    assert result.values["mse"] == pytest.approx((gap**2).mean())
    assert result.values["beyond"] == pytest.approx((gap > 8).mean())
    small = np.asarray(image.resize((16, 16), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    np.testing.assert_array_equal(np.frombuffer(result.blobs[1], np.uint8).reshape(3, 16, 16), small)


def test_windows_are_cut_out_of_the_upright_image_at_full_size(run) -> None:  # type: ignore[no-untyped-def]
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(RGB, "PNG", exif=exif)
    upright = np.asarray(RGB.transpose(Image.Transpose.ROTATE_270))
    result = run(data, "windows", mode="RGB", windows=[[0, 0, 30, 40], [5, 10, 12, 30]])
    assert result.values["channels"] == 3
    whole, part = (np.frombuffer(blob, np.uint8) for blob in result.blobs)
    np.testing.assert_array_equal(whole.reshape(upright.shape), upright)
    np.testing.assert_array_equal(part.reshape(20, 7, 3), upright[10:30, 5:12])
