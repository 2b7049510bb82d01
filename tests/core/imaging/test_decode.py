"""Each kind of image: how it is decoded and delivered, what is noted, or why it is refused."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from core.errors import ImageRefused
from core.imaging import operations
from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask
from core.limits import Limits
from tests.support.uploads import encoded, image_file, pixels, png


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DecoderSandbox]:
    with DecoderSandbox(processes=1, limits=Limits(pixels=1_000_000)) as sandbox:
        yield sandbox


@pytest.fixture
def run(sandbox: DecoderSandbox, tmp_path: Path):  # type: ignore[no-untyped-def]
    def run(data: bytes, op: str = "probe", blobs: tuple[bytes, ...] = (), **args: object) -> SandboxResult:
        (tmp_path / "file").write_bytes(data)
        [(_, result)] = sandbox.map([SandboxTask(op=op, file=tmp_path / "file", args=args, blobs=blobs)])
        return result

    return run


def sixteen_bit(mode: str = "I;16") -> bytes:
    values = np.linspace(0, 65535, 30 * 40).astype(np.uint16).reshape(30, 40)
    return encoded(
        Image.fromarray(values.astype(np.int32) if mode == "I" else values), "TIFF" if mode == "I" else "PNG"
    )


def animated(format: str) -> bytes:
    frames = [Image.fromarray(pixels(seed=i)) for i in range(3)]
    return encoded(frames[0], format, save_all=True, append_images=frames[1:])


RGB = Image.fromarray(pixels())
SUPPORTED = {
    "JPEG": (image_file("JPEG"), "RGB", "JPEG", None),
    "PNG": (image_file("PNG"), "RGB", "PNG", None),
    "WebP": (image_file("WEBP"), "RGB", "WEBP", None),
    "AVIF": (image_file("AVIF"), "RGB", "AVIF", None),
    "TIFF": (image_file("TIFF"), "RGB", "TIFF", None),
    "BMP": (image_file("BMP"), "RGB", "BMP", None),
    "still GIF": (image_file("GIF"), "RGB", "GIF", "palette"),
    "1 x 1": (image_file(width=1, height=1), "RGB", "PNG", None),
    "greyscale": (encoded(RGB.convert("L"), "PNG"), "L", "PNG", None),
    "bilevel": (encoded(RGB.convert("1"), "PNG"), "L", "PNG", None),
    "palette": (encoded(RGB.quantize(16), "PNG"), "RGB", "PNG", "palette"),
    "palette with a transparent colour": (encoded(RGB.quantize(16), "PNG", transparency=3), "RGBA", "PNG", "palette"),
    "colour key": (encoded(RGB, "PNG", transparency=(1, 2, 3)), "RGBA", "PNG", None),
    "RGBA": (encoded(Image.fromarray(pixels(channels=4)), "PNG"), "RGBA", "PNG", None),
    "greyscale with alpha": (encoded(RGB.convert("LA"), "PNG"), "LA", "PNG", None),
    "CMYK": (encoded(RGB.convert("CMYK"), "JPEG"), "RGB", "JPEG", "CMYK"),
    "CMYK TIFF": (encoded(RGB.convert("CMYK"), "TIFF"), "RGB", "TIFF", "CMYK"),
    "16-bit greyscale": (sixteen_bit(), "L", "PNG", "16 bits"),
    "16-bit greyscale in 32": (sixteen_bit("I"), "L", "TIFF", "16 bits"),
    "several images": (
        encoded(RGB, "MPO", save_all=True, append_images=[RGB]),
        "RGB",
        "JPEG",
        "first of several",
    ),
}


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


FULL = image_file("JPEG", 200, 150)
REFUSED = {
    "a text called jpg": (b"I am a text file, not a picture.\n", "text"),
    "an SVG": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "an empty file": (b"", "empty"),
    "noise": (bytes(range(256)), "it is not a JPEG"),
    "a web page": (b"<!DOCTYPE html><html></html>", "web page"),
    "a truncated JPEG": (FULL[: len(FULL) // 2], "truncated"),
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


def test_a_transparent_colour_of_16_bits_is_dropped_with_a_note(run) -> None:  # type: ignore[no-untyped-def]
    row = b"\0" + b"".join(struct.pack(">HHH", 300 * i, 200 * i, 100 * i) for i in range(16))
    result = run(png(16, 16, 16 * row, bits=16, key=struct.pack(">HHH", 300, 200, 100)))
    assert result.values["mode"] == "RGB"
    assert "transparent colour" in result.values["note"]


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
        kept = image.getexif()
        assert kept[0x010F] == "a camera"
        assert kept.get_ifd(0x8825)[2] == (51.0, 30.0, 0.0)
        assert 0x0112 not in kept


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
    kept = image.getexif()
    assert 0x0112 not in kept
    if "JPEG" not in kind and kind != "bilevel":
        assert kept[0x010F] == "a camera"
        assert kept.get_ifd(0x8769)[0x9003] == "2020:01:01 00:00:00"
        assert kept.get_ifd(0x8825)[2] == (51.0, 30.0, 0.0)
    if format == "png":
        assert not kept.keys() & {256, 257, 258, 259, 262, 277, 278, 320, 338, 530, 532}


def test_a_tiff_keeps_its_xmp_without_the_orientation(run) -> None:  # type: ignore[no-untyped-def]
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6" dc:title="home"/></x:xmpmeta>'
    data = encoded(RGB, "TIFF", tiffinfo={0x02BC: xmp, 0x0112: 6})
    _, image = encode_with_noise(run, data, format="same", keep_exif=True)
    assert image.info["xmp"] == xmp.replace(b'tiff:Orientation="6"', b"")
    _, image = encode_with_noise(run, data, format="same")
    assert "xmp" not in image.info


def test_an_image_changed_by_a_lossless_encoder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    black = encoded(Image.new("RGB", (40, 30)), "PNG")
    monkeypatch.setattr("core.imaging.operations.encode", lambda *_, **__: black)
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
    lossy = image.format in ("JPEG", "AVIF")
    if not lossy:
        assert 0 < result.values["linf"] <= 8
        assert image.mode == mode
    assert result.values["mae"] < 8


def test_differences_and_pixels_are_those_of_the_encoded_file(run) -> None:  # type: ignore[no-untyped-def]
    before = Image.open(io.BytesIO(FULL))
    result, image = encode_with_noise(run, FULL, format="same")
    gap = np.abs(np.asarray(image).astype(int) - np.asarray(before))
    assert result.values["linf"] == gap.max()
    assert result.values["mse"] == pytest.approx((gap**2).mean())
    small = np.asarray(image.resize((16, 16), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    np.testing.assert_array_equal(np.frombuffer(result.blobs[1], np.uint8).reshape(3, 16, 16), small)
