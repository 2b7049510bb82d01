"""The cyclic learning rate."""

import pytest

from core.specs.lr_schedule import LearningRate


def test_the_learning_rate_warms_up_to_its_peak_and_ends_near_zero() -> None:
    rates = [LearningRate(peak=0.1).at(step, steps=100) for step in range(100)]
    assert rates.index(max(rates)) in (9, 10)
    assert max(rates) == pytest.approx(0.1)
    assert rates[-1] < 1e-4
