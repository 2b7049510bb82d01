"""A difference is taken image by image, and its interval is that of the exact McNemar test."""

import numpy as np
import pytest
from scipy.stats import binomtest

from core.evaluation.paired_difference import paired_difference
from core.results.difference import PairedDifference
from core.results.wilson import wilson_interval


def answers(*, both: int, lost: int, gained: int, neither: int) -> tuple[list[str], list[str]]:
    """The answers of one run before and one after, for these numbers of images."""
    before = "1" * (both + lost) + "0" * (gained + neither)
    after = "1" * both + "0" * lost + "1" * gained + "0" * neither
    return [before], [after]


def difference(**counts: int) -> PairedDifference:
    """The difference of such a pair."""
    found = paired_difference(*answers(**counts))
    assert found is not None
    return found


def test_the_change_and_its_parts_are_those_of_the_counts() -> None:
    found = difference(both=50, lost=20, gained=5, neither=25)
    assert found.change == pytest.approx(-0.15)
    assert (found.lost, found.gained) == pytest.approx((0.2, 0.05))
    # Clopper-Pearson of 5 of 25: 0.0683 to 0.4070 (Brown et al., Statistical Science 16, 2001).
    assert found.ci95 == pytest.approx(((2 * 0.0683 - 1) * 0.25, (2 * 0.4070 - 1) * 0.25), abs=1e-4)
    assert found.is_lower
    assert not found.is_higher


def test_the_interval_leaves_out_zero_exactly_where_the_test_is_significant() -> None:
    for disagreements in range(1, 31):
        for gained in range(disagreements + 1):
            found = difference(both=10, lost=disagreements - gained, gained=gained, neither=10)
            significant = binomtest(gained, disagreements).pvalue < 0.05
            assert (found.is_lower or found.is_higher) == significant
            assert found.ci95[0] <= found.change <= found.ci95[1]


def test_learners_that_agree_about_all_images_do_not_differ() -> None:
    found = difference(both=30, lost=0, gained=0, neither=20)
    assert (found.change, found.ci95) == (0, (0, 0))
    assert not found.is_lower
    assert not found.is_higher


def test_pairs_show_a_fall_that_overlapping_intervals_hide() -> None:
    found = difference(both=37, lost=35, gained=7, neither=121)  # 200 images, 36 % and 22 %
    assert found.is_lower
    assert difference(both=40, lost=26, gained=10, neither=124).is_lower  # 33 % and 25 %
    assert wilson_interval(50, 200)[1] > wilson_interval(66, 200)[0]


def test_without_a_true_difference_at_most_one_in_twenty_is_significant() -> None:
    draw = np.random.default_rng(0)
    significant = 0
    for _ in range(400):
        shared = draw.random(200) < 0.3  # images that both recognize, or neither
        first, second = (np.where(shared, shared, draw.random(200) < 0.2) for _ in range(2))
        found = paired_difference(["".join(map(str, first.astype(int)))], ["".join(map(str, second.astype(int)))])
        assert found is not None
        significant += found.is_lower or found.is_higher
    assert significant / 400 <= 0.05


def test_several_runs_are_compared_by_the_means_of_their_images() -> None:
    draw = np.random.default_rng(1)
    before = ["".join(map(str, (draw.random(300) < 0.6).astype(int))) for _ in range(3)]
    after = ["".join(map(str, (draw.random(300) < 0.3).astype(int))) for _ in range(3)]
    found = paired_difference(before, after)
    assert found is not None
    assert found.is_lower
    assert found.change == pytest.approx(found.gained - found.lost)
    assert found.ci95[0] < found.change < found.ci95[1]


def test_unknown_answers_give_no_difference() -> None:
    assert paired_difference(["101"], [""]) is None
    assert paired_difference(["101"], []) is None
