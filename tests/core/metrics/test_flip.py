"""The fast FLIP gives what its package gives."""

import flip_evaluator
import numpy as np
import pytest

from core.metrics.flip import FlipReference
from tests.support.photographs import photograph


def by_package(one: np.ndarray, two: np.ndarray) -> float:
    values = [np.ascontiguousarray(pixels, np.float32) / 255 for pixels in (one, two)]
    return float(flip_evaluator.evaluate(*values, "LDR", applyMagma=False)[1])


@pytest.mark.parametrize("colour", [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
@pytest.mark.parametrize("change", [1, 4, 40])
def test_it_agrees_with_the_package(colour: tuple[int, int, int], change: int) -> None:
    original = np.asarray(photograph(90, 70, seed=change))
    noise = np.random.default_rng(change).normal(0, change, original.shape) * colour
    changed = np.clip(np.rint(original + noise), 0, 255).astype(np.uint8)
    assert FlipReference(original).flip(changed) == pytest.approx(by_package(original, changed), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("kind", ["black and white", "green and blue", "one pixel", "flat"])
def test_it_agrees_at_the_extremes(kind: str) -> None:
    one, two = np.zeros((40, 50, 3), np.uint8), np.zeros((40, 50, 3), np.uint8)
    if kind == "black and white":
        two[:] = 255
    elif kind == "green and blue":
        one[..., 1] = two[..., 2] = 255
    elif kind == "one pixel":
        two[20, 20] = 255
    else:
        one[:], two[:] = 128, 130
    assert FlipReference(one).flip(two) == pytest.approx(by_package(one, two), rel=1e-3, abs=1e-5)


def test_equal_images_differ_by_nothing() -> None:
    original = np.asarray(photograph(40, 30))
    assert FlipReference(original).flip(original) == 0
