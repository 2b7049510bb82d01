"""Which images are protected and which are trained on."""

import numpy as np
import pytest

from core.evaluation.partial_protection import clean_rest, mixed, one_class, training_set
from core.ingest.split import select_protect_mask
from core.training.labelled_images import LabelledArrays

LABELS = np.repeat(np.arange(4), 25)


@pytest.mark.parametrize(("percentage", "each"), [(0, 0), (20, 5), (50, 13), (80, 20), (100, 25)])
def test_mixed_learns_all_and_protects_a_share_of_each_class(percentage: int, each: int) -> None:
    share = mixed(LABELS, percentage, seed=3)
    assert np.bincount(LABELS[share.protect_mask], minlength=4).tolist() == [each] * 4
    assert np.array_equal(share.protect_mask, select_protect_mask(LABELS, percentage, seed=3))
    assert share.train_mask.all()


def test_the_clean_rest_is_what_mixed_left_clean() -> None:
    together, alone = mixed(LABELS, 60, seed=3), clean_rest(LABELS, 60, seed=3)
    assert np.array_equal(alone.protect_mask, together.protect_mask)
    assert np.array_equal(alone.train_mask, ~together.protect_mask)
    assert not np.array_equal(alone.train_mask, clean_rest(LABELS, 60, seed=4).train_mask)


def test_no_rest_is_refused() -> None:
    with pytest.raises(ValueError, match="no clean image is left"):
        clean_rest(LABELS, 100, seed=0)


def test_one_class_is_protected_among_clean_ones() -> None:
    share = one_class(LABELS, 2)
    assert np.flatnonzero(share.protect_mask).tolist() == list(range(50, 75))
    assert share.train_mask.all()
    with pytest.raises(ValueError, match="no image has the label 4"):
        one_class(LABELS, 4)


def test_the_learner_gets_delivered_pixels_where_protected_and_clean_ones_elsewhere() -> None:
    clean = LabelledArrays(pixels=np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1), labels=LABELS, classes=4)
    delivered = clean.pixels + np.uint8(100)
    images = training_set(mixed(LABELS, 20, seed=0), clean, delivered)
    protected = select_protect_mask(LABELS, 20, seed=0)
    assert np.array_equal(images.pixels.ravel(), np.arange(100) + 100 * protected)
    assert np.array_equal(images.labels, LABELS)
    images = training_set(clean_rest(LABELS, 20, seed=0), clean, delivered)
    assert np.array_equal(images.pixels.ravel(), np.flatnonzero(~protected))
    assert np.array_equal(images.labels, LABELS[~protected])
