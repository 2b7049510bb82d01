"""Who is protected and who is learned when not all are."""

import numpy as np
import pytest

from core.evaluation.partial_protection import clean_rest, mixed, one_class, scraped
from core.ingest.split import select_protect_mask

LABELS = np.repeat(np.arange(4), 25)


@pytest.mark.parametrize(("percentage", "each"), [(0, 0), (20, 5), (50, 13), (80, 20), (100, 25)])
def test_mixed_learns_all_and_protects_a_share_of_each_class(percentage: int, each: int) -> None:
    share = mixed(LABELS, percentage, seed=3)
    assert np.bincount(LABELS[share.protected], minlength=4).tolist() == [each] * 4
    assert np.array_equal(share.protected, select_protect_mask(LABELS, percentage, seed=3))
    assert share.learned.all()


def test_the_clean_rest_is_what_mixed_left_clean() -> None:
    together, alone = mixed(LABELS, 60, seed=3), clean_rest(LABELS, 60, seed=3)
    assert np.array_equal(alone.protected, together.protected)
    assert np.array_equal(alone.learned, ~together.protected)
    assert not np.array_equal(alone.learned, clean_rest(LABELS, 60, seed=4).learned)


def test_no_rest_is_refused() -> None:
    with pytest.raises(ValueError, match="no clean image is left"):
        clean_rest(LABELS, 100, seed=0)


def test_one_class_is_protected_among_clean_ones() -> None:
    share = one_class(LABELS, 2)
    assert np.flatnonzero(share.protected).tolist() == list(range(50, 75))
    assert share.learned.all()
    with pytest.raises(ValueError, match="no image has the label 4"):
        one_class(LABELS, 4)


def test_the_learner_gets_delivered_pixels_where_protected_and_clean_ones_elsewhere() -> None:
    clean = np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1)
    delivered = clean + np.uint8(100)
    pixels, labels = scraped(mixed(LABELS, 20, seed=0), clean, delivered, LABELS)
    protected = select_protect_mask(LABELS, 20, seed=0)
    assert np.array_equal(pixels.ravel(), np.arange(100) + 100 * protected)
    assert np.array_equal(labels, LABELS)
    pixels, labels = scraped(clean_rest(LABELS, 20, seed=0), clean, delivered, LABELS)
    assert np.array_equal(pixels.ravel(), np.flatnonzero(~protected))
    assert np.array_equal(labels, LABELS[~protected])
