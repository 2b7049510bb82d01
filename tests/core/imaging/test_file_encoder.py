"""Versions of an image are compressed as finely as the size of their files allows, and alike while they fit."""

import io

import numpy as np
import pytest
from PIL import Image

from core.imaging.compression import lossy_settings
from core.imaging.decode import DecodedImage, decode
from core.imaging.file_encoder import FileEncoder
from core.imaging.formats import MAX_GROWTH
from tests.core.imaging.test_compression import photo
from tests.support.uploads import encoded


def original(side: int = 256) -> DecodedImage:
    return decode(encoded(photo(side), "JPEG", quality=85))


def encoder(image: DecodedImage, first: int = 0, last: int | None = None) -> FileEncoder:
    settings = lossy_settings("JPEG", image.compression, fine_colour=False)[first:last]
    return FileEncoder(image, format="JPEG", keep_exif=False, settings=settings)


def with_noise(image: DecodedImage, radius: int) -> Image.Image:
    noise = np.random.default_rng(1).integers(-radius, radius + 1, (image.size[1], image.size[0], 1))
    return Image.fromarray(np.clip(np.asarray(image.image, np.int16) + noise, 0, 255).astype(np.uint8))


def coarseness(data: bytes) -> int:
    """The sum of the quantization steps of a JPEG's luma."""
    with Image.open(io.BytesIO(data)) as image:
        return int(sum(image.quantization[0]))  # type: ignore[attr-defined]


@pytest.mark.parametrize("radius", [0, 2, 6])
def test_the_finest_settings_that_fit_are_taken(radius: int) -> None:
    image = original()
    limit, version = MAX_GROWTH * image.compression.file_bytes, with_noise(image, radius)
    choices = lossy_settings("JPEG", image.compression, fine_colour=False)
    files = [encoder(image, number, number + 1).deliver(version).encoded for number in range(len(choices))]
    expected = next((file for file in files if len(file) <= limit), files[-1])
    assert encoder(image).deliver(version).encoded == expected
    assert len({coarseness(file) for file in files}) > 2


def test_later_versions_are_compressed_alike_while_they_fit() -> None:
    image = original()
    one = encoder(image)
    first, weaker, stronger = (one.deliver(with_noise(image, radius)).encoded for radius in (2, 0, 8))
    assert coarseness(weaker) == coarseness(first)
    assert coarseness(encoder(image).deliver(image.image).encoded) < coarseness(first)  # what a first version would get
    assert coarseness(stronger) > coarseness(first)


def test_parts_of_a_large_image_tell_how_finely_it_is_compressed() -> None:
    image = original(512)
    version = with_noise(image, 3)
    by_parts = encoder(image)
    by_parts.choose_settings([version.crop((0, 0, 128, 128)), version.crop((256, 256, 384, 384))], share=1 / 8)
    assert by_parts.deliver(version).encoded == encoder(image).deliver(version).encoded


def test_parts_that_mislead_cost_no_more_than_the_size_allows() -> None:
    image = original()
    misled = encoder(image)
    misled.choose_settings([Image.new("RGB", (64, 64))], share=1 / 16)
    version = with_noise(image, 4)
    assert misled.deliver(version).encoded == encoder(image).deliver(version).encoded
