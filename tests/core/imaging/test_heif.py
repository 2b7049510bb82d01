"""HEIC: read in the sandbox as other images are, and delivered as JPEG or PNG."""

import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from core.imaging import decode, heif
from tests.support.image_kinds import RGB, heic
from tests.support.uploads import pixels


def deep() -> bytes:
    out = io.BytesIO()
    data = (np.asarray(RGB).astype(np.uint16) * 257).tobytes()
    pillow_heif.from_bytes(mode="RGB;16", size=RGB.size, data=data).save(out)
    return out.getvalue()


def several() -> bytes:
    file = pillow_heif.from_pillow(RGB.resize((60, 20)))
    file.add_from_pillow(RGB)
    out = io.BytesIO()
    file.save(out, primary_index=1)
    return out.getvalue()


def deliver(run, data: bytes, format: str = "same"):  # type: ignore[no-untyped-def]
    noise = np.random.default_rng(1).integers(-8, 9, (3, 8, 8)).astype(np.int8).tobytes()
    args = {"size": 8, "channels": 3, "radius": 8, "format": format, "keep_exif": False}
    return run(data, "encode_with_noise", (noise,), **args)


KINDS = {  # name: (file, mode, part of the note or None, the format it is delivered in)
    "colour": (heic(RGB), "RGB", None, "JPEG"),
    "greyscale": (heic(RGB.convert("L")), "L", None, "JPEG"),
    "alpha": (heic(Image.fromarray(pixels(channels=4))), "RGBA", None, "PNG"),
    "10 bits": (deep(), "RGB", "10 bits per channel reduced to 8", "JPEG"),
    "several images": (several(), "RGB", "the first of several", "JPEG"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_and_delivered(run, kind: str) -> None:  # type: ignore[no-untyped-def]
    data, mode, note, format = KINDS[kind]
    values = run(data).values
    assert (values["width"], values["height"], values["format"]) == (40, 30, "HEIF")
    assert values["mode"] == mode or kind == "greyscale"  # a decoder may give three equal bands
    assert (note or "") in (values["note"] or "")
    assert (values["note"] is None) == (note is None)
    result = deliver(run, data)
    assert result.refused is None
    image = Image.open(io.BytesIO(result.blobs[0]))
    assert (image.format, image.size) == (format, (40, 30))
    assert 0 < result.values["mae"] < 8


def test_the_decoded_pixels_are_those_of_the_image(run) -> None:  # type: ignore[no-untyped-def]
    result = run(heic(RGB.resize((32, 32)), quality=95, chroma=444), "pixels", size=32, channels=3)
    found = np.frombuffer(result.blobs[0], np.uint8).reshape(3, 32, 32).transpose(1, 2, 0)
    assert np.abs(found.astype(int) - np.asarray(RGB.resize((32, 32)))).mean() < 3


def test_png_is_lossless_for_a_heic_too(run) -> None:  # type: ignore[no-untyped-def]
    result = deliver(run, heic(RGB), "png")
    assert Image.open(io.BytesIO(result.blobs[0])).format == "PNG"
    assert 0 < result.values["linf"] <= 8


def test_thumbnails_of_a_heic_are_made(run) -> None:  # type: ignore[no-untyped-def]
    assert run(heic(RGB.resize((400, 300))), "thumbnail", edge=100).refused is None


def test_broken_files_are_refused_with_a_reason(run) -> None:  # type: ignore[no-untyped-def]
    data = heic(RGB.resize((300, 200)))
    assert run(data[:200]).refused == "it is a damaged or truncated HEIC image"
    for broken in (data[:40], data[:400], data[: len(data) // 2], data[:-20]):
        assert "damaged" in run(broken).refused
    scrambled = bytearray(data)
    scrambled[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    result = run(bytes(scrambled))
    assert result.refused is None or "damaged" in result.refused
    assert run(data).refused is None  # the process goes on


def test_too_many_pixels_are_refused_before_they_are_decoded(run) -> None:  # type: ignore[no-untyped-def]
    assert "more than 1,000,000 pixels" in run(heic(Image.new("RGB", (1100, 1000)))).refused


def test_a_worker_without_the_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(Image.OPEN, heif.FORMAT, raising=False)
    with pytest.raises(decode.ImageRefused, match="lacks the package pillow-heif"):
        decode.open_image(heic(RGB))


def test_a_sandbox_that_may_start_no_thread_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_: object) -> None:
        raise ValueError("Internal error (unexpected C++ exception)")

    image = Image.new("RGB", (1, 1))
    monkeypatch.setattr(Image.Image, "load", load)
    with pytest.raises(decode.ImageRefused, match="cannot decode HEIC images in its sandbox"):
        heif.load(image)
