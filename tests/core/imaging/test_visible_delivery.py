"""Every delivered file meets its target of visibility, also where its usual compression alone would exceed it."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from core.imaging.decode import decode
from core.imaging.file_encoder import EncodedImage, FileEncoder, UploadEncoders
from core.imaging.formats import MAX_GROWTH
from core.imaging.scaled_noise import texture_noise
from core.imaging.texture_codebook import TextureCell
from core.imaging.visible_delivery import VisibleDelivery
from core.metrics.visibility import flip, score_pair, ssimulacra2
from tests.core.imaging.test_compression import photo
from tests.support.photographs import photograph
from tests.support.uploads import encoded

TEXTURE = {"cells": [[28.0, 0.3], [44.0, 1.2]], "seed": 5}
SUBTLE, BALANCED = 0.028, 0.042


def deliver(run, data: bytes, max_flip: float = SUBTLE):  # type: ignore[no-untyped-def]
    """The values and the file of an image that is protected within a target."""
    args = {"size": 64, "channels": 3, "radius": 8, "format": "same", "keep_exif": False}
    result = run(data, "encode_with_noise", (b"",), texture=TEXTURE, max_flip=max_flip, **args)
    assert result.refused is None
    return result.values, result.blobs[0]


def visible_change(data: bytes, delivered: bytes) -> float:
    before, after = (np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in (data, delivered))
    return flip(before, after)


def colourful(saturation: float) -> Image.Image:
    """Fine colours, which the halved colours of a JPEG lose each time it is compressed again."""
    return ImageEnhance.Color(photo(seed=1)).enhance(saturation)


@pytest.mark.parametrize("saturation", [1.0, 3.0])
@pytest.mark.parametrize("quality", [30, 60, 95])
def test_every_jpeg_meets_the_target_with_noise(  # type: ignore[no-untyped-def]
    run, saturation: float, quality: int
) -> None:
    data = encoded(colourful(saturation), "JPEG", quality=quality)
    values, delivered = deliver(run, data)
    assert visible_change(data, delivered) <= SUBTLE + 1e-4
    assert values["noise"] > 0.2
    assert values["growth"] == len(delivered) / len(data)
    assert values["growth"] <= MAX_GROWTH or saturation == 3.0  # hardly any photograph is so colourful


@pytest.mark.parametrize(("format", "quality", "seed"), [("WEBP", 75, 0), ("WEBP", 75, 1), ("HEIF", 70, 0)])
def test_another_format_is_compressed_as_finely_as_the_target_needs(  # type: ignore[no-untyped-def]
    run, format: str, quality: int, seed: int
) -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    data = encoded(photograph(400, 300, seed), format, quality=quality)
    values, delivered = deliver(run, data)
    assert visible_change(data, delivered) <= SUBTLE + 1e-4
    assert values["noise"] > 0.1
    assert (values["growth"] == 0) == (format == "HEIF")  # a HEIC is delivered as JPEG, to which no size is promised


def test_what_no_quality_brings_to_the_target_has_no_noise_and_says_so(run) -> None:  # type: ignore[no-untyped-def]
    data = encoded(photograph(400, 300, 1), "AVIF", quality=60)
    values, delivered = deliver(run, data)
    assert values["flip"] == pytest.approx(visible_change(data, delivered), abs=1e-4)
    assert values["flip"] > SUBTLE
    assert values["noise"] == 0
    assert values["growth"] <= MAX_GROWTH


@pytest.mark.parametrize("grain", [0.0, 1.5])
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_smooth_image_shows_no_more_noise_than_a_photograph(  # type: ignore[no-untyped-def]
    run, format: str, grain: float
) -> None:
    down, across = np.mgrid[0:260, 0:300] / 300
    smooth = np.stack([90 + 80 * down, 120 + 60 * across, 150 + 50 * down], -1)
    smooth += np.random.default_rng(1).normal(0, grain, (260, 300, 1)) if grain else 0
    data = encoded(Image.fromarray(np.clip(smooth, 0, 255).astype(np.uint8)), format)
    values, delivered = deliver(run, data, BALANCED)
    before, after = (np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in (data, delivered))
    assert values["flip"] <= BALANCED
    assert values["noise"] > 0.4
    assert (ssimulacra2(before, after) or 0) >= 60


@pytest.mark.parametrize("divisor", [4, 10])
def test_a_dark_photograph_shows_no_more_noise_than_a_bright_one(  # type: ignore[no-untyped-def]
    run, divisor: int
) -> None:
    data = encoded(photograph(400, 300, 3).point(lambda value: value // divisor), "JPEG", quality=90)
    values, delivered = deliver(run, data, BALANCED)
    before, after = (np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in (data, delivered))
    assert values["flip"] <= BALANCED
    assert (ssimulacra2(before, after) or 0) >= 60


LARGE = {
    "halved colours": {"quality": 90},
    "full colours": {"quality": 75, "subsampling": 0},
    "progressive": {"quality": 85, "progressive": True},
}


@pytest.mark.parametrize("kind", LARGE)
def test_parts_of_a_large_jpeg_tell_what_the_whole_shows(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = decode(encoded(photograph(1003, 845, 4, grain=12), "JPEG", **LARGE[kind]))
    encoders = UploadEncoders(original, format="same", keep_exif=False, luma_only=True)
    noise = texture_noise(original.image, [TextureCell(28.0, 0.3)], 5, radius=8)
    whole: list[EncodedImage] = []
    deliver = FileEncoder.deliver

    def recorded(encoder: FileEncoder, image: Image.Image) -> EncodedImage:
        whole.append(deliver(encoder, image))
        return whole[-1]

    monkeypatch.setattr(FileEncoder, "deliver", recorded)
    done = VisibleDelivery(original.image, noise).within(BALANCED, encoders)
    assert len(whole) == 1, "the whole image is encoded once"
    assert 0.95 * BALANCED <= done.flip <= BALANCED
    before, after = (np.asarray(image) for image in (original.image, decode(done.encoded).image))
    assert score_pair(before, after).flip == pytest.approx(done.flip, abs=1e-6)


@pytest.mark.parametrize(("format", "quality"), [("WEBP", 90), ("AVIF", 90), ("PNG", None)])
def test_a_large_image_of_another_format_meets_the_target_too(format: str, quality: int | None) -> None:
    options = {} if quality is None else {"quality": quality}
    original = decode(encoded(photograph(810, 300, 4, grain=12), format, **options))
    encoders = UploadEncoders(original, format="same", keep_exif=False, luma_only=True)
    noise = texture_noise(original.image, [TextureCell(28.0, 0.3)], 5, radius=8)
    done = VisibleDelivery(original.image, noise).within(BALANCED, encoders)
    assert 0.9 * BALANCED <= done.flip <= BALANCED
    before, after = (np.asarray(image) for image in (original.image, decode(done.encoded).image))
    assert score_pair(before, after).flip == pytest.approx(done.flip, abs=1e-6)


FILES = {
    "JPEG": encoded(photograph(400, 300, 1), "JPEG", quality=80),
    "large JPEG": encoded(photograph(900, 820, 2), "JPEG", quality=90),
    "JPEG with strong colours": encoded(colourful(3.0), "JPEG", quality=60),
    "greyscale JPEG": encoded(photograph(300, 260, 3).convert("L"), "JPEG", quality=80),
    "PNG with alpha": encoded(photograph(300, 260, 3).convert("RGBA"), "PNG"),
    "WebP": encoded(photograph(300, 260, 3), "WEBP", quality=75),
}


@pytest.mark.parametrize("kind", FILES)
def test_several_targets_at_once_give_the_files_of_each_alone(run, kind: str) -> None:  # type: ignore[no-untyped-def]
    data, targets, box = FILES[kind], [BALANCED, SUBTLE, 0.07], [20, 30, 220, 240]
    alone = [deliver(run, data, target) for target in targets]
    args = {"radius": 8, "format": "same", "keep_exif": False, "texture": TEXTURE}
    together = run(data, "encode_at_targets", max_flips=targets, window=box, **args)
    assert together.refused is None
    assert together.blobs[:3] == [file for _, file in alone]
    assert together.values["flips"] == [values["flip"] for values, _ in alone]
    before = decode(data).image
    images = [before, *(decode(file).image.convert(before.mode) for _, file in alone)]
    assert together.blobs[3:] == [image.crop(box).tobytes() for image in images]
