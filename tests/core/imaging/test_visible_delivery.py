"""Every delivered file meets its target of visibility, also where its usual compression alone would exceed it."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from core.imaging.formats import MAX_GROWTH
from core.metrics.visibility import flip
from tests.core.imaging.test_compression import photo
from tests.support.photographs import photograph
from tests.support.uploads import encoded

TEXTURE = {"cells": [[28.0, 0.3], [44.0, 1.2]], "seed": 5}
SUBTLE = 0.028


def deliver(run, data: bytes):  # type: ignore[no-untyped-def]
    """The values and the file of an image that is protected with the target `subtle`."""
    args = {"size": 64, "channels": 3, "radius": 8, "format": "same", "keep_exif": False}
    result = run(data, "encode_with_noise", (b"",), texture=TEXTURE, max_flip=SUBTLE, **args)
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
