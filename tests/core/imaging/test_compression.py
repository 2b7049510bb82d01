"""How finely a lossy file is delivered: within its size, with the noise still in it, in the way it was compressed."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter, JpegImagePlugin

from core.imaging.compression import is_lossless_webp
from core.imaging.formats import MAX_GROWTH
from core.imaging.sandbox import SandboxResult
from tests.support.uploads import encoded

SIDE = 256


def photo(side: int = SIDE, seed: int = 0) -> Image.Image:
    """Colours with as much of each size of detail as a photo has."""
    rng = np.random.default_rng(seed)
    y, x = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    falling = (1 / np.maximum(np.hypot(x, y), 1 / side))[..., None]
    values = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side, 3)), axes=(0, 1)) * falling, axes=(0, 1))
    mixed = values @ np.array([[1, 0.9, 0.8], [0.2, 0.4, 0.1], [0.1, 0.1, 0.5]])
    return Image.fromarray(np.clip(128 + 45 * mixed / mixed.std(), 0, 255).astype(np.uint8))


def deliver(run, data: bytes, noise: np.ndarray, format: str = "same") -> SandboxResult:  # type: ignore[no-untyped-def]
    """Encode with noise, int8 (channels, s, s)."""
    channels, size, _ = noise.shape
    args = {"size": size, "channels": channels, "radius": 8, "format": format, "keep_exif": False}
    result = run(data, "encode_with_noise", (noise.tobytes(),), **args)
    assert result.refused is None
    return result


def luma_noise(size: int = SIDE // 4, radius: int = 5) -> np.ndarray:
    one = np.random.default_rng(3).integers(-radius, radius + 1, (1, size, size)).astype(np.int8)
    return np.repeat(one, 3, axis=0)


def retained(data: bytes, delivered: bytes, lossless: bytes) -> float:
    """How much of the noise is in the delivered file: 1 for all of it."""
    before, after, exact = (
        np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(float) for file in (data, delivered, lossless)
    )
    noise = exact - before
    return float(((after - before) * noise).sum() / (noise * noise).sum())


UPLOADS = {
    **{f"JPEG {quality}": ("JPEG", {"quality": quality}) for quality in (30, 50, 75, 90)},
    "JPEG 95 with full colours": ("JPEG", {"quality": 95, "subsampling": 0}),
    "progressive JPEG": ("JPEG", {"quality": 80, "progressive": True}),
    "WebP 75": ("WEBP", {"quality": 75}),
    "WebP 90": ("WEBP", {"quality": 90}),
    "AVIF 75": ("AVIF", {"quality": 75}),
}


@pytest.mark.parametrize("kind", UPLOADS)
def test_a_lossy_file_keeps_its_noise_within_its_size(run, kind: str) -> None:  # type: ignore[no-untyped-def]
    format, options = UPLOADS[kind]
    data = encoded(photo(), format, **options)
    delivered = deliver(run, data, luma_noise()).blobs[0]
    assert Image.open(io.BytesIO(delivered)).format == format
    assert len(data) * 0.9 < len(delivered) <= len(data) * MAX_GROWTH
    assert retained(data, delivered, deliver(run, data, luma_noise(), "png").blobs[0]) > 0.9


@pytest.mark.parametrize("quality", [75, 92])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_stays_the_kind_of_jpeg_it_was(  # type: ignore[no-untyped-def]
    run, quality: int, subsampling: int, progressive: bool
) -> None:
    data = encoded(photo(), "JPEG", quality=quality, subsampling=subsampling, progressive=progressive)
    before = Image.open(io.BytesIO(data))
    after = Image.open(io.BytesIO(deliver(run, data, luma_noise()).blobs[0]))
    assert JpegImagePlugin.get_sampling(after) == subsampling
    assert ("progressive" in after.info) == progressive
    factors = {
        factor
        for factor in (1, 2, 3, 4, 8)
        if all(
            after.quantization[band] == [max(1, round(step / factor)) for step in before.quantization[band]]
            for band in before.quantization
        )
    }
    assert factors


def test_a_turned_jpeg_has_turned_quantization_steps(run) -> None:  # type: ignore[no-untyped-def]
    steps = np.minimum(10 + 2 * np.arange(64), 99)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo(), "JPEG", qtables=[steps.tolist()] * 2, exif=exif)
    after = Image.open(io.BytesIO(deliver(run, data, luma_noise()).blobs[0]))
    turned = steps.reshape(8, 8).T.ravel()
    assert after.quantization[0] in [np.maximum(1, np.rint(turned / factor)).tolist() for factor in (2, 3, 4, 8)]


def test_noise_as_fine_as_the_pixels_keeps_its_colours(run) -> None:  # type: ignore[no-untyped-def]
    data = encoded(photo(64), "JPEG", quality=75)
    coarse = Image.fromarray(np.random.default_rng(2).integers(120, 137, (24, 24, 3), dtype=np.uint8))
    noise = (np.asarray(coarse.resize((64, 64), Image.Resampling.BICUBIC)).transpose(2, 0, 1) - 128).astype(np.int8)
    delivered = deliver(run, data, noise).blobs[0]
    assert JpegImagePlugin.get_sampling(Image.open(io.BytesIO(delivered))) == 0
    assert len(delivered) <= len(data) * MAX_GROWTH
    assert retained(data, delivered, deliver(run, data, noise, "png").blobs[0]) > 0.85


def test_noise_stays_even_if_the_file_must_grow(run) -> None:  # type: ignore[no-untyped-def]
    """Flat colours take few bytes, noise on them many."""
    data = encoded(Image.new("RGB", (SIDE, SIDE), (90, 120, 150)), "JPEG", quality=50)
    delivered = deliver(run, data, luma_noise()).blobs[0]
    assert len(delivered) > len(data) * MAX_GROWTH
    assert Image.open(io.BytesIO(delivered)).quantization[0][0] == 8  # half of the upload's, and no finer
    assert retained(data, delivered, deliver(run, data, luma_noise(), "png").blobs[0]) > 0.9


def test_a_jpeg_of_pure_noise_is_delivered(run) -> None:  # type: ignore[no-untyped-def]
    """Pillow's buffer for optimal codes is too small for it."""
    black_and_white = np.random.default_rng(0).integers(0, 2, (300, 300, 3), dtype=np.uint8) * 255
    data = encoded(Image.fromarray(black_and_white), "JPEG", qtables=[[1] * 64], subsampling=0)
    delivered = deliver(run, data, luma_noise()).blobs[0]
    assert Image.open(io.BytesIO(delivered)).size == (300, 300)
    assert len(delivered) <= len(data) * MAX_GROWTH


@pytest.mark.parametrize("profile", [None, b"a colour profile"])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("lossless", [False, True])
def test_a_lossless_webp_stays_lossless(  # type: ignore[no-untyped-def]
    run, profile: bytes | None, alpha: bool, lossless: bool
) -> None:
    image = photo(64)
    if alpha:
        image.putalpha(image.getchannel("R").filter(ImageFilter.GaussianBlur(9)))
    data = encoded(image, "WEBP", lossless=lossless, icc_profile=profile)
    result = deliver(run, data, luma_noise(16))
    assert is_lossless_webp(data) == is_lossless_webp(result.blobs[0]) == lossless
    assert (result.values["beyond"] == 0) == lossless
    after = Image.open(io.BytesIO(result.blobs[0]))
    assert after.mode == image.mode
    if alpha:
        np.testing.assert_array_equal(after.getchannel("A"), image.getchannel("A"))


def test_a_damaged_webp_is_not_read_beyond_its_end() -> None:
    assert not is_lossless_webp(b"RIFF\x00\x00\x00\x00WEBPVP8X\xff\xff\xff\xff")
    assert not is_lossless_webp(b"RIFF\x00\x00\x00\x00WEBPVP8")
