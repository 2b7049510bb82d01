"""Every delivered file meets its target of visibility, also where its usual compression alone would exceed it."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from core.imaging.formats import MAX_GROWTH
from core.metrics.visibility import flip, ssimulacra2
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
