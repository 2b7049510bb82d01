"""Each kind of picture: what becomes of it, what is said of it, or why it is refused."""

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
from tests.support.uploads import encoded, picture, pixels, png


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DecoderSandbox]:
    with DecoderSandbox(processes=1, limits=Limits(pixels=1_000_000)) as sandbox:
        yield sandbox


@pytest.fixture
def ask(sandbox: DecoderSandbox, tmp_path: Path):  # type: ignore[no-untyped-def]
    def ask(data: bytes, op: str = "probe", blobs: tuple[bytes, ...] = (), **args: object) -> SandboxResult:
        (tmp_path / "file").write_bytes(data)
        [(_, answer)] = sandbox.map([SandboxTask(op=op, file=tmp_path / "file", args=args, blobs=blobs)])
        return answer

    return ask


def deep(mode: str = "I;16") -> bytes:
    values = np.linspace(0, 65535, 30 * 40).astype(np.uint16).reshape(30, 40)
    return encoded(
        Image.fromarray(values.astype(np.int32) if mode == "I" else values), "TIFF" if mode == "I" else "PNG"
    )


def animated(format: str) -> bytes:
    frames = [Image.fromarray(pixels(seed=i)) for i in range(3)]
    return encoded(frames[0], format, save_all=True, append_images=frames[1:])


RGB = Image.fromarray(pixels())
KINDS = {
    "JPEG": (picture("JPEG"), "RGB", "JPEG", None),
    "PNG": (picture("PNG"), "RGB", "PNG", None),
    "WebP": (picture("WEBP"), "RGB", "WEBP", None),
    "AVIF": (picture("AVIF"), "RGB", "AVIF", None),
    "TIFF": (picture("TIFF"), "RGB", "TIFF", None),
    "BMP": (picture("BMP"), "RGB", "BMP", None),
    "still GIF": (picture("GIF"), "RGB", "GIF", "palette"),
    "1 x 1": (picture(width=1, height=1), "RGB", "PNG", None),
    "grey": (encoded(RGB.convert("L"), "PNG"), "L", "PNG", None),
    "bilevel": (encoded(RGB.convert("1"), "PNG"), "L", "PNG", None),
    "palette": (encoded(RGB.quantize(16), "PNG"), "RGB", "PNG", "palette"),
    "palette with a clear colour": (encoded(RGB.quantize(16), "PNG", transparency=3), "RGBA", "PNG", "palette"),
    "colour key": (encoded(RGB, "PNG", transparency=(1, 2, 3)), "RGBA", "PNG", None),
    "RGBA": (encoded(Image.fromarray(pixels(channels=4)), "PNG"), "RGBA", "PNG", None),
    "grey with alpha": (encoded(RGB.convert("LA"), "PNG"), "LA", "PNG", None),
    "CMYK": (encoded(RGB.convert("CMYK"), "JPEG"), "RGB", "JPEG", "CMYK"),
    "CMYK TIFF": (encoded(RGB.convert("CMYK"), "TIFF"), "RGB", "TIFF", "CMYK"),
    "16-bit grey": (deep(), "L", "PNG", "16 bits"),
    "16-bit grey in 32": (deep("I"), "L", "TIFF", "16 bits"),
    "several in one": (encoded(RGB, "MPO", save_all=True, append_images=[RGB]), "RGB", "JPEG", "first of several"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_that_are_read(ask, kind: str) -> None:  # type: ignore[no-untyped-def]
    data, mode, format, note = KINDS[kind]
    answer = ask(data)
    assert answer.refused is None
    assert (answer.values["mode"], answer.values["format"]) == (mode, format)
    assert (note or "") in (answer.values["note"] or "")
    assert (answer.values["note"] is None) == (note is None)
    side = 1 if kind == "1 x 1" else None
    assert (answer.values["width"], answer.values["height"]) == (side or 40, side or 30)


FULL = picture("JPEG", 200, 150)
BAD = {
    "a text called jpg": (b"I am a text file, not a picture.\n", "text"),
    "an SVG": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "an empty file": (b"", "empty"),
    "noise": (bytes(range(256)), "it is not a JPEG"),
    "a web page": (b"<!DOCTYPE html><html></html>", "web page"),
    "a truncated JPEG": (FULL[: len(FULL) // 2], "truncated"),
    "a truncated PNG": (picture("PNG", 200, 150)[:3000], "truncated"),
    "an animated GIF": (animated("GIF"), "animated"),
    "an animated WebP": (animated("WEBP"), "animated"),
    "an animated PNG": (animated("PNG"), "animated"),
    "several pages": (animated("TIFF"), "several pages"),
    "floating point": (encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), "not supported"),
    "32-bit numbers": (encoded(Image.fromarray(np.full((4, 4), 10**6, np.int32)), "TIFF"), "32-bit"),
    "too many pixels": (picture("PNG", 1001, 1000), "more than 1,000,000 pixels"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "text"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("op", ["probe", "thumbnail"])
def test_kinds_that_are_refused(ask, kind: str, op: str) -> None:  # type: ignore[no-untyped-def]
    data, says = BAD[kind]
    answer = ask(data, op, **({"edge": 20} if op == "thumbnail" else {}))
    assert answer.refused is not None
    assert says in answer.refused


def test_16_bits_become_the_nearest_8(ask) -> None:  # type: ignore[no-untyped-def]
    values = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    answer = ask(encoded(Image.fromarray(values), "PNG"), "pixels", size=64, channels=1)
    np.testing.assert_array_equal(np.frombuffer(answer.blobs[0], np.uint8), np.rint(values.ravel() / 257))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_come_out_upright(ask, orientation: int) -> None:  # type: ignore[no-untyped-def]
    turns = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1]}
    sideways = {5: 0, 6: 3, 7: 2, 8: 1}
    stored = pixels(32, 32)
    if orientation in turns:
        upright = turns[orientation](stored)
    else:
        upright = np.rot90(stored, sideways[orientation]) if orientation in (6, 8) else stored.swapaxes(0, 1)
        upright = upright[::-1, ::-1] if orientation == 7 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    answer = ask(encoded(Image.fromarray(stored), "PNG", exif=exif), "pixels", size=32, channels=3)
    np.testing.assert_array_equal(
        np.frombuffer(answer.blobs[0], np.uint8).reshape(3, 32, 32).transpose(1, 2, 0), upright
    )


@pytest.mark.parametrize("format", ["JPEG", "TIFF", "WEBP", "PNG"])
def test_a_picture_lying_on_its_side_has_its_upright_size(ask, format: str) -> None:  # type: ignore[no-untyped-def]
    exif = Image.Exif()
    exif[0x0112] = 6
    values = ask(encoded(RGB, format, exif=exif)).values
    assert (values["width"], values["height"]) == (30, 40)


def test_a_picture_of_the_right_size_is_left_as_it_is(ask) -> None:  # type: ignore[no-untyped-def]
    answer = ask(picture(width=32, height=32), "pixels", size=32, channels=3)
    np.testing.assert_array_equal(
        np.frombuffer(answer.blobs[0], np.uint8).reshape(3, 32, 32), pixels(32, 32).transpose(2, 0, 1)
    )


def test_transparency_keeps_the_colours_under_it(ask) -> None:  # type: ignore[no-untyped-def]
    values = pixels(32, 32, 4).copy()
    values[..., 3] = 0
    answer = ask(encoded(Image.fromarray(values), "PNG"), "pixels", size=32, channels=3)
    np.testing.assert_array_equal(
        np.frombuffer(answer.blobs[0], np.uint8).reshape(3, 32, 32), values[..., :3].transpose(2, 0, 1)
    )


def protect(
    ask, data: bytes, radius: int = 8, format: str = "png", keep_exif: bool = False
) -> tuple[SandboxResult, Image.Image]:  # type: ignore[no-untyped-def]
    noise = np.random.default_rng(1).integers(-radius, radius + 1, (3, 16, 16)).astype(np.int8)
    answer = ask(
        data,
        "encode_with_noise",
        (noise.tobytes(),),
        size=16,
        channels=3,
        radius=radius,
        format=format,
        keep_exif=keep_exif,
    )
    assert answer.refused is None
    image = Image.open(io.BytesIO(answer.blobs[0]))
    image.load()
    return answer, image


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_clear_colour_of_a_grey_png_is_clear(ask, bits: int) -> None:  # type: ignore[no-untyped-def]
    values = [i % 2**bits if bits < 16 else 257 * (i // 2) + i % 2 for i in range(16)]  # at 16 bits two are one at 8
    row = sum(value << bits * (15 - i) for i, value in enumerate(values)).to_bytes(2 * bits, "big")
    data = png(16, 16, 16 * (b"\0" + row), bits=bits, colour=0, key=struct.pack(">H", values[1]))
    assert ask(data).values["mode"] == "LA"
    _, image = protect(ask, data)
    assert image.mode == "LA"
    assert np.asarray(image)[3, :, 1].tolist() == [0 if value == values[1] else 255 for value in values]


def test_a_clear_colour_of_16_bits_is_said_to_be_left_out(ask) -> None:  # type: ignore[no-untyped-def]
    row = b"\0" + b"".join(struct.pack(">HHH", 300 * i, 200 * i, 100 * i) for i in range(16))
    answer = ask(png(16, 16, 16 * row, bits=16, key=struct.pack(">HHH", 300, 200, 100)))
    assert answer.values["mode"] == "RGB"
    assert "transparent colour" in answer.values["note"]


def test_alpha_is_untouched(ask) -> None:  # type: ignore[no-untyped-def]
    values = pixels(channels=4)
    answer, image = protect(ask, encoded(Image.fromarray(values), "PNG"))
    after = np.asarray(image)
    np.testing.assert_array_equal(after[..., 3], values[..., 3])
    gap = np.abs(after[..., :3].astype(int) - values[..., :3])
    assert 0 < gap.max() <= 8
    assert answer.values["linf"] == gap.max()
    assert answer.values["mae"] == pytest.approx(gap.mean())
    assert answer.values["mse"] == pytest.approx((gap**2).mean())


def test_a_grey_picture_stays_grey(ask) -> None:  # type: ignore[no-untyped-def]
    answer, image = protect(ask, encoded(RGB.convert("L"), "PNG"))
    assert image.mode == "L"
    assert 0 < answer.values["linf"] <= 8


def test_the_colour_profile_survives_and_the_diary_does_not(ask) -> None:  # type: ignore[no-untyped-def]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    data = encoded(RGB, "JPEG", icc_profile=profile, exif=exif, comment=b"at home", quality=95)
    for format in ("png", "same"):
        _, image = protect(ask, data, format=format)
        assert image.info["icc_profile"] == profile
        assert not image.getexif()
        assert "comment" not in image.info
        assert image.size == (30, 40)
        _, image = protect(ask, data, format=format, keep_exif=True)
        kept = image.getexif()
        assert kept[0x010F] == "a camera"
        assert kept.get_ifd(0x8825)[2] == (51.0, 30.0, 0.0)
        assert 0x0112 not in kept


def diary(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0116] = orientation, "a camera", 3  # the last is rows per strip
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    return exif.tobytes()


TIFFS = {
    **{f"turned, {turn}": picture("TIFF", exif=diary(turn)) for turn in (1, 3, 6, 8)},
    "YCbCr": encoded(RGB.convert("YCbCr"), "TIFF", exif=diary(6)),
    "YCbCr by JPEG": encoded(RGB.convert("YCbCr"), "TIFF", compression="jpeg"),
    "CMYK": encoded(RGB.convert("CMYK"), "TIFF", exif=diary(1)),
    "palette": encoded(RGB.quantize(16), "TIFF", exif=diary(1)),
    "RGBX": encoded(RGB.convert("RGBX"), "TIFF", exif=diary(1)),
    "bilevel": encoded(RGB.convert("1"), "TIFF", compression="group4"),
    "deep": encoded(Image.fromarray(np.full((30, 40), 30_000, np.uint16)), "TIFF", exif=diary(1)),
}


@pytest.mark.parametrize("kind", TIFFS)
@pytest.mark.parametrize("format", ["png", "same"])
def test_a_tiff_keeps_its_diary_and_not_how_it_was_stored(ask, kind: str, format: str) -> None:  # type: ignore[no-untyped-def]
    answer, image = protect(ask, TIFFS[kind], format=format, keep_exif=True)
    assert 0 < answer.values["linf"] <= 8
    kept = image.getexif()
    assert 0x0112 not in kept
    if "JPEG" not in kind and kind != "bilevel":
        assert kept[0x010F] == "a camera"
        assert kept.get_ifd(0x8769)[0x9003] == "2020:01:01 00:00:00"
        assert kept.get_ifd(0x8825)[2] == (51.0, 30.0, 0.0)
    if format == "png":
        assert not kept.keys() & {256, 257, 258, 259, 262, 277, 278, 320, 338, 530, 532}


def test_a_tiff_keeps_its_xmp_without_the_turn(ask) -> None:  # type: ignore[no-untyped-def]
    told = b'<x:xmpmeta><rdf:Description tiff:Orientation="6" dc:title="home"/></x:xmpmeta>'
    data = encoded(RGB, "TIFF", tiffinfo={0x02BC: told, 0x0112: 6})
    _, image = protect(ask, data, format="same", keep_exif=True)
    assert image.info["xmp"] == told.replace(b'tiff:Orientation="6"', b"")
    _, image = protect(ask, data, format="same")
    assert "xmp" not in image.info


def test_what_a_lossless_encoder_ruined_is_not_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    black = encoded(Image.new("RGB", (40, 30)), "PNG")
    monkeypatch.setattr("core.imaging.operations.encode", lambda *_, **__: black)
    with pytest.raises(ImageRefused, match="changed its colours"):
        operations.encode_with_noise(
            picture(), bytes(3 * 16 * 16), size=16, channels=3, radius=8, format="png", keep_exif=False
        )


def test_a_profile_that_no_longer_applies_is_dropped(ask) -> None:  # type: ignore[no-untyped-def]
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"CMYK"  # and broken, for it is no such profile
    _, image = protect(ask, encoded(RGB.convert("CMYK"), "JPEG", icc_profile=bytes(profile)))
    assert image.mode == "RGB"
    assert "icc_profile" not in image.info


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "1 x 1"])
@pytest.mark.parametrize("format", ["png", "same"])
def test_every_kind_is_delivered(ask, kind: str, format: str) -> None:  # type: ignore[no-untyped-def]
    data, mode, was, _ = KINDS[kind]
    answer, image = protect(ask, data, format=format)
    assert image.size == (40, 30)
    assert image.format == ("PNG" if format == "png" or was == "GIF" else was)
    lossy = image.format in ("JPEG", "AVIF")
    if not lossy:
        assert 0 < answer.values["linf"] <= 8
        assert image.mode == mode
    assert answer.values["mae"] < 8


def test_what_is_reported_is_what_the_encoded_bytes_hold(ask) -> None:  # type: ignore[no-untyped-def]
    before = Image.open(io.BytesIO(FULL))
    answer, image = protect(ask, FULL, format="same")
    gap = np.abs(np.asarray(image).astype(int) - np.asarray(before))
    assert answer.values["linf"] == gap.max()
    assert answer.values["mse"] == pytest.approx((gap**2).mean())
    small = np.asarray(image.resize((16, 16), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    np.testing.assert_array_equal(np.frombuffer(answer.blobs[1], np.uint8).reshape(3, 16, 16), small)
