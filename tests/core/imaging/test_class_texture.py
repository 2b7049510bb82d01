"""The pattern of a class: in its band, without a mean, the same class when mirrored."""

import numpy as np
import pytest

from core.imaging.class_texture import MAX_CANVAS_EDGE, canvas_size, texture
from core.imaging.texture_codebook import BANDWIDTH, TextureCell

SIZES = [(200, 150), (150, 200), (348, 348), (131, 97)]


def power(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The power of each frequency, and the frequencies in cycles along the longer edge."""
    height, width = values.shape
    longer = max(height, width)
    down, across = np.fft.fftfreq(height)[:, None] * longer, np.fft.fftfreq(width)[None] * longer
    return np.abs(np.fft.fft2(values)) ** 2, down, across


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_its_power_is_in_the_band_and_in_its_mirror_image(width: int, height: int) -> None:
    cell = TextureCell(28.0, 0.6)
    values = texture(width, height, [cell], seed=1)
    assert values.shape == (height, width)
    assert values.dtype == np.float32
    assert np.abs(values).max() <= 1
    spectrum, down, across = power(values)
    x, y = cell.frequency * np.cos(cell.angle), cell.frequency * np.sin(cell.angle)
    near = np.hypot(np.abs(across) - x, np.abs(down) - y) < 3 * BANDWIDTH
    assert spectrum[near].sum() > 0.9 * spectrum.sum()
    upright, mirrored = (spectrum[near & (across * down * sign > 0)].sum() for sign in (1, -1))
    assert upright / mirrored == pytest.approx(1, abs=0.5)


def test_it_has_no_mean() -> None:
    for seed in range(5):
        assert abs(texture(200, 150, [TextureCell(28.0, 0.4), TextureCell(44.0, 1.1)], seed).mean()) < 0.01


def test_every_cell_of_a_set_has_its_share() -> None:
    cells = [TextureCell(28.0, 0.2), TextureCell(44.0, 1.2)]
    spectrum, down, across = power(texture(300, 300, cells, seed=3))
    shares = [
        spectrum[
            np.hypot(np.abs(across) - c.frequency * np.cos(c.angle), np.abs(down) - c.frequency * np.sin(c.angle)) < 10
        ].sum()
        / spectrum.sum()
        for c in cells
    ]
    assert min(shares) > 0.25


def test_the_phases_follow_the_seed() -> None:
    cell = [TextureCell(44.0, 0.9)]
    np.testing.assert_array_equal(texture(80, 70, cell, 5), texture(80, 70, cell, 5))
    one, two = texture(80, 70, cell, 5), texture(80, 70, cell, 6)
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.3


@pytest.mark.parametrize(("width", "height"), [(66, 70), (65, 200), (70, 66)])
def test_a_small_image_gets_frequencies_that_it_can_hold(width: int, height: int) -> None:
    spectrum, _, across = power(texture(width, height, [TextureCell(44.0, 0.0)], seed=1))
    centre = (np.abs(across) * spectrum).sum() / spectrum.sum()
    assert centre < 0.45 * max(width, height)


def test_a_large_image_has_a_smaller_canvas_of_its_shape() -> None:
    assert canvas_size(400, 530) == (400, 530)
    assert canvas_size(4_000, 3_000) == (MAX_CANVAS_EDGE, 768)
    assert canvas_size(20_000, 3) == (MAX_CANVAS_EDGE, 1)
