"""How strong noise may be: more where contrast hides it, and as visible as the target allows."""

from dataclasses import dataclass

import numpy as np
import pytest

from core.imaging.perceptual_bound import (
    CLOSE_ENOUGH,
    FLAT_AMPLITUDE,
    MAX_AMPLITUDE,
    amplitude,
    strongest_within,
)


def test_flat_areas_have_the_least_amplitude_and_contrast_has_more() -> None:
    luma = np.full((120, 160), 100, np.float32)
    luma[:, 80:] += np.random.default_rng(0).normal(0, 15, (120, 80)).astype(np.float32)
    found = amplitude(luma)
    assert found.shape == luma.shape
    assert found[:, :60].max() == pytest.approx(FLAT_AMPLITUDE, abs=1e-3)
    assert found[:, 110:].mean() == pytest.approx(FLAT_AMPLITUDE + 0.15 * 15, abs=0.7)
    assert found.min() >= FLAT_AMPLITUDE
    assert found.max() <= MAX_AMPLITUDE


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 900), (65, 65)])
def test_every_shape_has_an_amplitude(height: int, width: int) -> None:
    luma = np.random.default_rng(0).uniform(0, 255, (height, width)).astype(np.float32)
    found = amplitude(luma)
    assert found.shape == luma.shape
    assert np.isfinite(found).all()


@dataclass
class Tried:
    scale: float
    flip: float


@pytest.mark.parametrize("exponent", [0.3, 0.55, 1.0])
@pytest.mark.parametrize("factor", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("floor", [0.0, 0.02])
def test_the_search_comes_close_to_the_target_from_below(exponent: float, factor: float, floor: float) -> None:
    tries = []

    def attempt(scale: float) -> Tried:
        tries.append(scale)
        return Tried(scale, floor + factor * scale**exponent)

    found = strongest_within(attempt, target=0.042, typical=0.056, highest=8)
    assert found.flip <= 0.042
    assert found.flip > CLOSE_ENOUGH * 0.042 * 0.9 or found.scale == 8
    assert len(tries) <= 8


def test_the_search_finds_noise_where_rounding_makes_visibility_grow_in_steps() -> None:
    def attempt(scale: float) -> Tried:
        return Tried(scale, 0.021 * round(8 * scale))  # noise of plus and minus 8 becomes 0, 1, 2, …

    assert strongest_within(attempt, target=0.042, typical=0.2, highest=1).flip == pytest.approx(0.042)
    assert strongest_within(attempt, target=0.0419, typical=0.2, highest=1).flip == pytest.approx(0.021)


def test_what_is_never_visible_has_the_highest_factor() -> None:
    assert strongest_within(lambda s: Tried(s, 1e-4 * s), target=0.042, typical=0.056, highest=8).scale == 8


def test_what_is_always_visible_has_no_noise() -> None:
    assert strongest_within(lambda s: Tried(s, 0.05), target=0.042, typical=0.056, highest=8).scale == 0
