"""Noise that is scaled and rounded: within its radius, and in the mean what the factor says."""

import numpy as np
import pytest
from PIL import Image

from core.imaging.scaled_noise import WindowedFlip, array_noise, texture_noise
from core.imaging.texture_codebook import TextureCell
from tests.support.photographs import photograph

CELL = [TextureCell(28.0, 0.5)]


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
        array_noise(image, np.full((3, 8, 8), 8, np.int8), radius=3),
    ):
        assert np.abs(change(image, noise.added_to(image, noise.highest))).max() <= 3


def test_a_texture_has_no_colour_and_leaves_alpha() -> None:
    flat = Image.new("RGBA", (120, 90), (120, 130, 140, 77))
    added = change(flat, texture_noise(flat, CELL, 1, radius=8).added_to(flat, 2.0))
    assert (added[..., 0] == added[..., 1]).all()
    assert (added[..., 1] == added[..., 2]).all()
    assert added[..., 0].any()
    assert not added[..., 3].any()
    assert abs(added[..., 0].mean()) < 0.1


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_mode_is_kept_and_measured(mode: str) -> None:
    image = photograph().convert(mode)
    changed = texture_noise(image, CELL, 1, radius=8).added_to(image, 1.0)
    assert changed.mode == mode
    measure = WindowedFlip(image)
    assert measure.of(image) == 0
    assert 0 < measure.of(changed) < 0.2
