"""Cutout, mixup and cutmix: what they hide and mix, and that the labels follow the pixels."""

import pytest
import torch

from core.countermeasures.mixing import CUTOUT_VALUE, cutmix, cutout, mixup
from core.models.folded import FoldedModel
from core.models.registry import build_network
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.training.augmentation import Augmentation, LearnerView
from tests.support.seeded import rng

N, CLASSES = 400, 5
LABELS = torch.arange(N) % CLASSES


@pytest.fixture(scope="module")
def learner() -> LearnerView:
    model = build_network("small", channels=1, size=32, classes=CLASSES, seed=0, device="cpu")
    return LearnerView(FoldedModel(model, dtype=torch.float32), Device("cpu"), classes=CLASSES, progress=Progress())


def numbered_images(h: int = 16, w: int = 16) -> torch.Tensor:
    """Every pixel of image i is i / N, so a pixel shows which image it comes from."""
    return (torch.arange(N) / N).view(N, 1, 1, 1).expand(N, 1, h, w).contiguous()


def test_cutout_hides_a_square_of_half_the_side_cut_at_the_edge(learner: LearnerView) -> None:
    x = numbered_images() * 0.4
    out, y = cutout(x, LABELS, learner=learner, generator=rng())
    hidden = out == CUTOUT_VALUE
    assert torch.equal(out[~hidden], x[~hidden])
    assert y is LABELS
    rows, cols = hidden.any(3).sum(2)[:, 0], hidden.any(2).sum(2)[:, 0]
    assert torch.equal(hidden.sum((1, 2, 3)), rows * cols)  # the hidden area is a rectangle
    assert rows.max() == cols.max() == 8
    assert rows.min() == cols.min() == 4  # if the centre is at an edge
    assert (rows * cols == 64).float().mean().item() == pytest.approx((9 / 16) ** 2, abs=0.08)


def test_mixup_blends_labels_with_the_weights_of_the_pixels(learner: LearnerView) -> None:
    x = torch.nn.functional.one_hot(LABELS, CLASSES).float().view(N, CLASSES, 1, 1).expand(N, CLASSES, 4, 4)
    out, y = mixup(x, LABELS, learner=learner, generator=rng())
    assert torch.allclose(out[:, :, 0, 0], y, atol=1e-6)  # the pixels of these images are their one-hot labels
    assert torch.allclose(y.sum(1), torch.ones(N))
    other = y[torch.arange(N), LABELS][y.max(1).values < 1]
    assert other.mean().item() == pytest.approx(0.5, abs=0.06)  # Beta(1, 1) is uniform
    assert other.std().item() == pytest.approx(12**-0.5, abs=0.04)


@pytest.mark.parametrize(("h", "w"), [(16, 16), (9, 30), (1, 1)])
def test_cutmix_mixes_labels_by_area(learner: LearnerView, h: int, w: int) -> None:
    x = numbered_images(h, w)
    out, y = cutmix(x, LABELS, learner=learner, generator=rng())
    assert torch.allclose(y.sum(1), torch.ones(N))
    for i in range(N):
        sources = (out[i] * N).round().long().flatten()
        assert len(set(sources.tolist()) - {i}) <= 1
        areas = torch.zeros(CLASSES).index_add_(0, sources % CLASSES, torch.full((h * w,), 1 / (h * w)))
        assert torch.allclose(areas, y[i], atol=1e-5)


@pytest.mark.parametrize("augment", [cutout, mixup, cutmix])
def test_the_same_seed_augments_the_same_way(learner: LearnerView, augment: Augmentation) -> None:
    x = torch.rand((N, 3, 8, 8), generator=rng(1))
    one, two, other = (augment(x, LABELS, learner=learner, generator=rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert not torch.equal(one[0], other[0])
    assert one[0].shape == x.shape
    assert one[0].min() >= 0
    assert one[0].max() <= 1
