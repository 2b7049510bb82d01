"""FLIP and SSIMULACRA2 of pairs of images: what the packages' own files give, and every kind and size of image."""

import io

import flip_evaluator
import numpy as np
import pytest
import ssimulacra2
from numpy.typing import NDArray
from PIL import Image

from core.metrics.visibility import MIN_SSIMULACRA2_SIDE, score_pair
from core.metrics.windows import TWO_WINDOWS_FROM, windows_of


def photograph(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """Soft shapes with some texture, uint8 (height, width, channels)."""
    y, x = np.mgrid[0:height, 0:width] / 23.0
    texture = np.random.default_rng(height * width).normal(0, 6, (height, width))
    planes = [128 + 70 * np.sin(x + i) * np.cos(y - i) + texture for i in range(channels)]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


def with_noise(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(size).integers(-size, size + 1, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def test_the_scores_are_those_that_the_packages_give_for_files(tmp_path) -> None:
    original = photograph(240, 260)
    delivered = jpeg(original, 50)
    paths = [str(tmp_path / name) for name in ("original.png", "delivered.png")]
    for path, pixels in zip(paths, (original, delivered), strict=True):
        Image.fromarray(pixels).save(path)
    score = score_pair(original, delivered)
    assert score.flip == pytest.approx(flip_evaluator.evaluate(*paths, "LDR")[1], rel=1e-4)
    assert score.ssimulacra2 == pytest.approx(ssimulacra2.compute_ssimulacra2(*paths), abs=1e-9)


def test_an_image_is_identical_to_itself() -> None:
    original = photograph(230, 230)
    score = score_pair(original, original)
    assert (score.flip, score.ssimulacra2) == (0.0, 100.0)


def test_stronger_compression_is_more_visible() -> None:
    original = photograph(240, 240)
    scores = [score_pair(original, jpeg(original, quality)) for quality in (95, 75, 30)]
    flips, qualities = zip(*((score.flip, score.ssimulacra2) for score in scores), strict=True)
    assert list(flips) == sorted(flips)
    assert list(qualities) == sorted(qualities, reverse=True)


@pytest.mark.parametrize("side", [1, 2, 8, 32, 64, MIN_SSIMULACRA2_SIDE - 1])
def test_small_images_have_flip_alone(side: int) -> None:
    original = photograph(side, MIN_SSIMULACRA2_SIDE)
    score = score_pair(original, 255 - original)
    assert score.ssimulacra2 is None
    assert 0 < score.flip <= 1


def test_greyscale_counts_as_equal_channels() -> None:
    grey = photograph(230, 230, 1)
    noisy = with_noise(grey, 6)
    colour = score_pair(np.repeat(grey, 3, axis=2), np.repeat(noisy, 3, axis=2))
    assert score_pair(grey, noisy) == score_pair(grey[..., 0], noisy[..., 0]) == colour


@pytest.mark.parametrize("channels", [2, 4])
def test_transparent_pixels_do_not_count(channels: int) -> None:
    original = photograph(230, 230, channels)
    original[..., -1] = 255
    original[:115, :, -1] = 0
    hidden = original.copy()
    hidden[:115, :, :-1] ^= 255
    assert score_pair(original, hidden).flip == 0.0
    seen = original.copy()
    seen[115:, :, :-1] ^= 255
    assert score_pair(original, seen).flip > 0.1


def test_an_opaque_image_scores_as_one_without_alpha() -> None:
    original = photograph(230, 230)
    noisy = with_noise(original, 6)
    opaque = np.full((230, 230, 1), 255, np.uint8)
    assert score_pair(np.dstack([original, opaque]), np.dstack([noisy, opaque])) == score_pair(original, noisy)


def test_large_images_are_compared_in_windows_at_their_own_scale() -> None:
    assert len(windows_of(TWO_WINDOWS_FROM - 1, 10)) == 1
    windows = windows_of(4000, 3000)
    assert len(windows) == 4
    assert {(window.right - window.left, window.bottom - window.top) for window in windows} == {(400, 400)}
    assert {window.left for window in windows} == {800, 4000 - 800 - 400}
    original = photograph(820, 300)
    noisy = with_noise(original, 8)
    parts = [score_pair(window.of(original), window.of(noisy)) for window in windows_of(300, 820)]
    assert len(parts) == 2
    assert score_pair(original, noisy).flip == pytest.approx(np.mean([part.flip for part in parts]))


def test_the_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="sizes differ"):
        score_pair(photograph(8, 8), photograph(8, 9))
