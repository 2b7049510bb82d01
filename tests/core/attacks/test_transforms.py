"""T: drawn per image, differentiable, on whole batches."""

import pytest
import torch
import torch.nn.functional as F

from core.attacks.transforms import flip_and_crop, flip_and_resized_crop, random_grey, sample_transform


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_each_image_is_some_flip_and_crop_of_itself() -> None:
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
        fits = [key for key, image in candidates.items() if torch.equal(image, out[i])]
        assert len(fits) == 1
        drawn.add(fits[0])
    assert len(drawn) > 12


@pytest.mark.parametrize("draw", [flip_and_crop, flip_and_resized_crop])
def test_gradients_are_exact(draw) -> None:
    x = torch.rand(3, 1, 8, 8, dtype=torch.float64, generator=rng(), requires_grad=True)
    transform = draw(3, 8, generator=rng(2))
    assert torch.autograd.gradcheck(transform, (x,))


@pytest.mark.parametrize("size", [32, 128])
def test_shape_and_range_are_kept(size: int) -> None:
    x = torch.rand(5, 3, size, size, generator=rng())
    out = sample_transform(5, size, generator=rng(3))(x)
    assert out.shape == x.shape
    assert out.min() >= 0
    assert out.max() <= 1


def test_the_same_seed_draws_the_same() -> None:
    x = torch.rand(6, 3, 32, 32)
    one, two = (sample_transform(6, 32, generator=rng(4))(x) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, sample_transform(6, 32, generator=rng(5))(x))


def test_some_images_turn_grey_by_weights_of_their_own_and_the_others_stay() -> None:
    x = torch.zeros(400, 3, 4, 4)
    x[:, 0, 0, 0], x[:, 1, 1, 1], x[:, 2, 2, 2] = 1.0, 1.0, 1.0  # so that a grey image shows its weights
    out = random_grey(400, 0.25, generator=rng())(x)
    grey = (out[:, :1] == out).all(dim=(1, 2, 3))
    assert 70 < grey.sum() < 130
    assert torch.equal(out[~grey], x[~grey])
    weights = out[grey][:, 0, range(3), range(3)]
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)))
    assert weights.min() >= 0
    assert weights.mean(0).sub(1 / 3).abs().max() < 0.08
    assert weights.max(1).values.min() < 0.45  # from nearly even weights
    assert weights.max() > 0.85  # to nearly one channel alone


def test_a_grey_image_has_its_gradient_in_all_channels() -> None:
    x = torch.rand(3, 3, 4, 4, dtype=torch.float64, generator=rng(), requires_grad=True)
    assert torch.autograd.gradcheck(random_grey(3, 1.0, generator=rng(2)), (x,))


def test_images_of_one_channel_are_grey_already() -> None:
    x = torch.rand(5, 1, 4, 4, generator=rng())
    assert torch.equal(random_grey(5, 1.0, generator=rng(2))(x), x)


def test_what_turns_grey_was_moved_as_ever() -> None:
    """So that nothing else draws other numbers where images are turned grey, too."""
    x = torch.rand(6, 3, 32, 32, generator=rng())
    moved = sample_transform(6, 32, generator=rng(4))(x)
    assert torch.equal(sample_transform(6, 32, generator=rng(4), grey=0.0)(x), moved)
    grey = sample_transform(6, 32, generator=rng(4), grey=1.0)(x)
    assert (grey[:, :1] == grey).all()
    assert (grey <= moved.amax(1, keepdim=True) + 1e-6).all()
    assert (grey >= moved.amin(1, keepdim=True) - 1e-6).all()
