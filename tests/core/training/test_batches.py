"""The order of images in training."""

import torch

from core.training.batches import Batches
from tests.support.seeded import rng


def test_each_image_occurs_once_in_a_pass() -> None:
    batches = Batches(12, 4, generator=rng())
    for _ in range(3):
        assert sorted(torch.cat([next(batches) for _ in range(3)]).tolist()) == list(range(12))


def test_fewer_images_than_a_batch_are_one_batch() -> None:
    assert sorted(next(Batches(3, 128, generator=rng())).tolist()) == [0, 1, 2]
