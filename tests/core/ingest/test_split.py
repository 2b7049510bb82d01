"""Test images, protected images, and the work size."""

import numpy as np
import pytest

from core.ingest.split import select_protect_mask, select_protect_mask_by_split, select_test_mask
from core.specs.work_size import work_size

LABELS = np.repeat(np.arange(4), 25)


def test_a_fifth_of_each_class_is_for_testing() -> None:
    mask = select_test_mask(LABELS, [None] * 100, seed=0)
    assert np.bincount(LABELS[mask]).tolist() == [5, 5, 5, 5]
    assert not np.array_equal(mask, select_test_mask(LABELS, [None] * 100, seed=1))


def test_the_test_split_of_the_upload_is_used() -> None:
    splits = ["test" if i % 10 == 3 else "train" for i in range(100)]
    assert np.flatnonzero(select_test_mask(LABELS, splits, seed=0)).tolist() == list(range(3, 100, 10))


def test_single_images_stay_in_training() -> None:
    assert not select_test_mask(np.arange(5), [None] * 5, seed=0).any()


@pytest.mark.parametrize(("percentage", "each"), [(100, 25), (50, 13), (1, 1)])
def test_a_share_of_each_class_is_protected(percentage: int, each: int) -> None:
    assert np.bincount(LABELS[select_protect_mask(LABELS, percentage, seed=0)]).tolist() == [each] * 4


def test_the_number_of_clean_images_is_exact_for_every_percentage() -> None:
    for percentage in range(1, 101):  # 100 images at 71 % left 28 clean: 0.29 * 100 is 28.999… in floats
        mask = select_protect_mask(np.zeros(100, np.int64), percentage, seed=0)
        assert int((~mask).sum()) == 100 - percentage


@pytest.mark.parametrize("percentage", [99, 90, 80, 70, 50, 20, 1])
@pytest.mark.parametrize("seed", [0, 7])
def test_training_and_test_images_are_protected_by_the_requested_share(percentage: int, seed: int) -> None:
    labels = np.repeat(np.arange(3), [500, 500, 125])
    test_mask = select_test_mask(labels, [None] * len(labels), seed=seed)
    mask = select_protect_mask_by_split(labels, test_mask, percentage, seed=seed)
    assert not np.array_equal(mask, select_protect_mask_by_split(labels, test_mask, percentage, seed=seed + 1))
    for label in range(3):
        own = labels == label
        for part in (own & ~test_mask, own & test_mask, own):
            assert mask[part].mean() == pytest.approx(percentage / 100, abs=1 / part.sum())


@pytest.mark.parametrize(("count", "percentage", "each"), [(1, 1, 1), (6, 50, 3), (6, 100, 6), (5, 99, 5), (7, 1, 1)])
def test_a_share_of_few_images_is_rounded_up_once(count: int, percentage: int, each: int) -> None:
    labels = np.repeat(np.arange(4), count)
    test_mask = select_test_mask(labels, [None] * len(labels), seed=0)
    mask = select_protect_mask_by_split(labels, test_mask, percentage, seed=0)
    assert np.bincount(labels[mask]).tolist() == [each] * 4
    assert all(mask[(labels == label) & ~test_mask].any() for label in range(4))


@pytest.mark.parametrize(
    ("edges", "size"),
    [
        ([(32, 32)], 32),
        ([(1, 1)], 32),
        ([(70, 50), (90, 60), (40, 4000)], 64),
        ([(4000, 3000)], 224),
        ([(100, 90)], 96),
    ],
)
def test_work_size(edges: list[tuple[int, int]], size: int) -> None:
    assert work_size(edges, max_size=224) == size
    assert work_size(edges, max_size=64) == min(size, 64)
