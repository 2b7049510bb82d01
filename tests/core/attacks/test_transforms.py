"""Random transformations: drawn for each image, differentiable, batched."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from core.attacks.transforms import Transform, flip_and_crop, flip_and_resized_crop, random_greyscale, sample_transform
from tests.support.seeded import rng


def test_each_image_becomes_a_flip_and_crop_of_itself() -> None:
    x = torch.rand(24, 2, 16, 16, generator=rng())
    padded = F.pad(x, (2, 2, 2, 2))
    out = flip_and_crop(24, 16, generator=rng(1))(x)
    drawn = set()
    for i in range(24):
        candidates = {
            (flip, r, c): (padded[i].flip(2) if flip else padded[i])[:, r : r + 16, c : c + 16]
            for flip in (0, 1)
            for r in range(5)
            for c in range(5)
        }
        matches = [key for key, image in candidates.items() if torch.equal(image, out[i])]
        assert len(matches) == 1
        drawn.add(matches[0])
    assert len(drawn) > 12


@pytest.mark.parametrize("draw", [flip_and_crop, flip_and_resized_crop])
def test_gradients_are_exact(draw: Callable[..., Transform]) -> None:
    x = torch.rand(3, 1, 8, 8, dtype=torch.float64, generator=rng(), requires_grad=True)
    transform = draw(3, 8, generator=rng(2))
    assert torch.autograd.gradcheck(transform, (x,))


@pytest.mark.parametrize("size", [32, 128])
def test_shape_and_range_are_preserved(size: int) -> None:
    x = torch.rand(5, 3, size, size, generator=rng())
    out = sample_transform(5, size, generator=rng(3))(x)
    assert out.shape == x.shape
    assert out.min() >= 0
    assert out.max() <= 1


def test_the_same_seed_draws_the_same_transformation() -> None:
    x = torch.rand(6, 3, 32, 32)
    one, two = (sample_transform(6, 32, generator=rng(4))(x) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, sample_transform(6, 32, generator=rng(5))(x))


def test_a_share_of_the_images_turns_greyscale_each_with_its_own_weights() -> None:
    x = torch.zeros(400, 3, 4, 4)
    x[:, 0, 0, 0], x[:, 1, 1, 1], x[:, 2, 2, 2] = 1.0, 1.0, 1.0  # a greyscale image then shows its weights
    out = random_greyscale(400, 0.25, generator=rng())(x)
    greyscale = (out[:, :1] == out).all(dim=(1, 2, 3))
    assert 70 < greyscale.sum() < 130
    assert torch.equal(out[~greyscale], x[~greyscale])
    weights = out[greyscale][:, 0, range(3), range(3)]
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)))
    assert weights.min() >= 0
    assert weights.mean(0).sub(1 / 3).abs().max() < 0.08
    assert weights.max(1).values.min() < 0.45  # some weights are nearly even
    assert weights.max() > 0.85  # and some are nearly those of one channel


def test_the_gradient_of_a_greyscale_image_is_exact() -> None:
    x = torch.rand(3, 3, 4, 4, dtype=torch.float64, generator=rng(), requires_grad=True)
    assert torch.autograd.gradcheck(random_greyscale(3, 1.0, generator=rng(2)), (x,))


def test_images_of_one_channel_stay_as_they_are() -> None:
    x = torch.rand(5, 1, 4, 4, generator=rng())
    assert torch.equal(random_greyscale(5, 1.0, generator=rng(2))(x), x)


def test_the_greyscale_step_does_not_change_the_draw_of_flip_and_crop() -> None:
    x = torch.rand(6, 3, 32, 32, generator=rng())
    moved = sample_transform(6, 32, generator=rng(4))(x)
    assert torch.equal(sample_transform(6, 32, generator=rng(4), greyscale_probability=0.0)(x), moved)
    greyscale = sample_transform(6, 32, generator=rng(4), greyscale_probability=1.0)(x)
    assert (greyscale[:, :1] == greyscale).all()
    assert (greyscale <= moved.amax(1, keepdim=True) + 1e-6).all()
    assert (greyscale >= moved.amin(1, keepdim=True) - 1e-6).all()
