"""Noise that is scaled and rounded: within its radius, and in the mean what the factor says."""

import numpy as np
import pytest
from PIL import Image

from core.imaging.scaled_noise import WindowedFlip, array_noise, pattern_noise, texture_noise
from core.imaging.texture_codebook import TextureCell
from tests.support.photographs import photograph

CELL = [TextureCell(28.0, 0.5)]
PATTERN = np.random.default_rng(0).integers(-127, 128, (32, 32)).astype(np.int8)


def change(before: Image.Image, after: Image.Image) -> np.ndarray:
    return np.asarray(after).astype(int) - np.asarray(before)


def test_smooth_noise_keeps_its_mean_at_every_factor() -> None:
    grey = Image.new("RGB", (300, 300), (128, 128, 128))
    noise = array_noise(grey, np.full((3, 8, 8), 8, np.int8), radius=8)
    for scale in (0.05, 0.13, 0.5, 0.9):
        assert change(grey, noise.added_to(grey, scale)).mean() == pytest.approx(8 * scale, abs=0.05)


def test_noise_that_is_not_scaled_is_added_as_it_is() -> None:
    grey = Image.new("RGB", (16, 16), (128, 128, 128))
    values = np.random.default_rng(0).integers(-8, 9, (3, 16, 16)).astype(np.int8)
    added = change(grey, array_noise(grey, values, radius=8).added_to(grey, 1.0))
    np.testing.assert_array_equal(added, values.transpose(1, 2, 0))


def test_no_factor_exceeds_the_radius() -> None:
    image = photograph()
    for noise in (
        texture_noise(image, CELL, 1, radius=3),
        pattern_noise(image, PATTERN, radius=3),
        array_noise(image, np.full((3, 8, 8), 8, np.int8), radius=3),
    ):
        assert np.abs(change(image, noise.added_to(image, noise.highest))).max() <= 3


@pytest.mark.parametrize("of", ["texture", "pattern"])
def test_a_texture_and_a_pattern_have_no_colour_and_leave_alpha(of: str) -> None:
    flat = Image.new("RGBA", (120, 90), (120, 130, 140, 77))
    noise = texture_noise(flat, CELL, 1, radius=8) if of == "texture" else pattern_noise(flat, PATTERN, radius=8)
    added = change(flat, noise.added_to(flat, 2.0))
    assert (added[..., 0] == added[..., 1]).all()
    assert (added[..., 1] == added[..., 2]).all()
    assert added[..., 0].any()
    assert not added[..., 3].any()
    assert abs(added[..., 0].mean()) < 0.1


def test_a_pattern_is_stretched_over_the_image_and_stronger_where_contrast_hides_it() -> None:
    stripes = np.array([[127, -127], [-127, 127]], np.int8)
    flat = np.full((200, 300), 128, np.uint8)
    rough = flat.copy()
    rough[:, 150:] += np.random.default_rng(0).integers(-40, 40, (200, 150)).astype(np.uint8)
    even, uneven = (pattern_noise(Image.fromarray(pixels), stripes, radius=8).values for pixels in (flat, rough))
    assert even[20, 20] > 0.8
    assert even[20, 280] < -0.8
    assert np.abs(even).max() <= 1.001
    assert np.abs(uneven[:, 200:]).max() > 3 * np.abs(uneven[:, :100]).max()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_mode_is_kept_and_measured(mode: str) -> None:
    image = photograph().convert(mode)
    changed = texture_noise(image, CELL, 1, radius=8).added_to(image, 1.0)
    assert changed.mode == mode
    measure = WindowedFlip(image)
    assert measure.of(image) == 0
    assert 0 < measure.of(changed) < 0.2
