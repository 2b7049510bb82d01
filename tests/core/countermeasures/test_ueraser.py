"""Strong augmentation: its parts one by one, and that the hardest copy is the one that is kept."""

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.v2 import functional as tv

from core.countermeasures import trivial_augment
from core.countermeasures.plasma import plasma, plasma_brightness, plasma_contrast
from core.countermeasures.ueraser import hardest_of, shuffle_channels, strongly_augmented
from core.models.folded import FoldedModel
from core.models.registry import build
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.training.augmentation import Learner
from tests.support.seeded import rng


def pictures(n: int, c: int, h: int, w: int) -> torch.Tensor:
    """Smooth random pictures in [0, 1]."""
    return F.interpolate(torch.rand((n, c, 4, 4), generator=rng(9)), (h, w), mode="bicubic").clamp(0, 1)


def test_a_plasma_map_is_smooth_differs_by_image_and_stays_in_range() -> None:
    field = plasma(40, 2, 33, 20, generator=rng())
    assert field.shape == (40, 2, 33, 20)
    assert field.min() >= 0
    assert field.max() <= 1
    assert field.std(0).min() > 0.05
    near, far = (field[:, :, 1:] - field[:, :, :-1]).abs().mean(), (field[:, :, 16:] - field[:, :, :-16]).abs().mean()
    assert near < far / 2


def test_a_plasma_map_keeps_its_corners_while_it_is_refined() -> None:
    start = torch.rand((3, 1, 2, 2), generator=_after_roughness(3))
    field = plasma(3, 1, 9, 9, generator=rng())
    assert torch.allclose(field[:, :, ::8, ::8], start, atol=1e-6)


def _after_roughness(n: int) -> torch.Generator:
    generator = rng()
    torch.rand((n, 1, 1, 1), generator=generator)
    return generator


def test_plasma_brightness_adds_and_contrast_turns_about_grey() -> None:
    grey = torch.full((30, 3, 16, 16), 0.5)
    assert torch.allclose(plasma_contrast(grey, generator=rng()), grey)
    change = plasma_brightness(grey, generator=rng()) - grey
    assert change.abs().max() <= 0.5
    assert change.abs().mean() > 0.05


def test_channels_are_shuffled_and_nothing_else() -> None:
    x = torch.rand((200, 3, 4, 4), generator=rng())
    out = shuffle_channels(x, generator=rng(1))
    assert torch.equal(out.sort(1).values, x.sort(1).values)
    assert len({tuple(row) for row in (out[:, :, 0, 0] - x[:, :1, 0, 0]).abs().argsort(1)[:, :1].tolist()}) == 3
    assert torch.equal(shuffle_channels(x[:, :1], generator=rng(1)), x[:, :1])


@pytest.mark.parametrize("shape", [(3, 20, 16), (1, 16, 16), (3, 1, 1), (1, 2, 5)])
@pytest.mark.parametrize("operation", trivial_augment.OPERATIONS)
def test_every_operation_takes_every_shape_and_changes_pictures(operation, shape: tuple[int, int, int]) -> None:
    x = pictures(8, *shape)
    out = operation(x, generator=rng())
    assert out.shape == x.shape
    assert out.isfinite().all()
    if min(shape[1:]) > 10:
        assert (out - x).abs().mean() > 1e-3


def test_a_rotation_is_torchvisions(monkeypatch: pytest.MonkeyPatch) -> None:
    x = pictures(1, 3, 24, 24)
    monkeypatch.setattr(trivial_augment, "uniform", lambda n, low, high, generator: torch.full((n, 1, 1, 1), high))
    ours = trivial_augment._rotate(x, generator=rng())
    theirs = tv.rotate(x, -30, interpolation=tv.InterpolationMode.BILINEAR)
    opposite = tv.rotate(x, 30, interpolation=tv.InterpolationMode.BILINEAR)
    assert min((ours - theirs).abs().mean(), (ours - opposite).abs().mean()) < 0.01


def test_a_shift_moves_by_whole_pixels_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    x = pictures(2, 3, 16, 16)
    monkeypatch.setattr(trivial_augment, "uniform", lambda n, low, high, generator: torch.full((n, 1, 1, 1), 0.25))
    out = trivial_augment._shift_x(x, generator=rng())  # an eighth of the side: 2 of 16 pixels
    assert torch.allclose(out[..., :-2], x[..., 2:], atol=1e-4)
    assert torch.allclose(out[..., -2:], torch.zeros(1), atol=1e-4)


def test_contrast_and_posterize_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    x = pictures(2, 3, 8, 8)
    monkeypatch.setattr(trivial_augment, "uniform", lambda n, low, high, generator: torch.full((n, 1, 1, 1), 0.5))
    assert torch.allclose(trivial_augment._contrast(x, generator=rng()), tv.adjust_contrast(x, 0.5), atol=1e-5)
    assert torch.allclose(trivial_augment._brightness(x, generator=rng()), tv.adjust_brightness(x, 0.5))
    assert torch.allclose(trivial_augment._sharpness(x, generator=rng()), tv.adjust_sharpness(x, 0.5), atol=1e-5)
    levels = (trivial_augment._posterize(x, generator=rng()) * 255).round()
    assert all(len(image.unique()) <= 256 and (image % 1 == 0).all() for image in levels)
    assert ((x * 255 - levels) < 16 + 1e-3).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_strong_augmentation_keeps_shape_and_range_and_the_global_generator(channels: int) -> None:
    x, state = pictures(60, channels, 32, 32), torch.get_rng_state()
    one, two, other = (strongly_augmented(x, generator=rng(seed)) for seed in (1, 1, 2))
    assert one.shape == x.shape
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)
    assert ((one - x).abs().mean((1, 2, 3)) > 0.01).float().mean() > 0.8


def test_the_copy_with_the_greatest_loss_is_kept() -> None:
    model = build("small", channels=3, size=32, classes=4, seed=0, device="cpu")
    learner = Learner(FoldedModel(model, dtype=torch.float32), Device("cpu"), classes=4, progress=Progress())
    x, y = pictures(70, 3, 32, 32), torch.arange(70) % 4
    kept, labels = hardest_of(5)(x, y, learner=learner, generator=rng(3))
    copies = strongly_augmented(x.repeat(5, 1, 1, 1), generator=rng(3)).view(5, 70, 3, 32, 32)
    with torch.no_grad():
        losses = torch.stack([F.cross_entropy(model.eval()(copy), y, reduction="none") for copy in copies])
    for i in range(70):
        assert torch.equal(kept[i], copies[losses[:, i].argmax(), i])
    assert labels is y
    lite, _ = hardest_of(1)(x, y, learner=learner, generator=rng(3))
    assert torch.equal(lite, strongly_augmented(x, generator=rng(3)))
