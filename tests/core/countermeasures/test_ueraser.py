"""Strong augmentation: each of its operations, and the choice of the hardest copy."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.v2 import functional as tv

from core.countermeasures import trivial_augment
from core.countermeasures.plasma import plasma_brightness, plasma_contrast, plasma_maps
from core.countermeasures.ueraser import hardest_of, shuffle_channels, strong_augmentation
from core.models.folded import FoldedModel
from core.models.registry import build_network
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.training.augmentation import LearnerView
from tests.support.seeded import rng


def images(n: int, c: int, h: int, w: int) -> torch.Tensor:
    """Smooth random images in [0, 1]."""
    return F.interpolate(torch.rand((n, c, 4, 4), generator=rng(9)), (h, w), mode="bicubic").clamp(0, 1)


def fix_draws(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """Let every operation draw `value`."""

    def constant(n: int, low: float, high: float, *, generator: torch.Generator) -> torch.Tensor:
        return torch.full((n, 1, 1, 1), value)

    monkeypatch.setattr(trivial_augment, "uniform_per_image", constant)


def test_plasma_maps_are_smooth_in_range_and_different_for_each_image() -> None:
    field = plasma_maps(40, 2, 33, 20, generator=rng())
    assert field.shape == (40, 2, 33, 20)
    assert field.min() >= 0
    assert field.max() <= 1
    assert field.std(0).min() > 0.05
    near, far = (field[:, :, 1:] - field[:, :, :-1]).abs().mean(), (field[:, :, 16:] - field[:, :, :-16]).abs().mean()
    assert near < far / 2


def test_refining_a_plasma_map_preserves_its_corners() -> None:
    generator = rng()
    torch.rand((3, 1, 1, 1), generator=generator)  # the roughness, which is drawn first
    corners = torch.rand((3, 1, 2, 2), generator=generator)
    field = plasma_maps(3, 1, 9, 9, generator=rng())
    assert torch.allclose(field[:, :, ::8, ::8], corners, atol=1e-6)


def test_plasma_contrast_preserves_mid_grey_and_plasma_brightness_changes_it() -> None:
    mid_grey = torch.full((30, 3, 16, 16), 0.5)
    assert torch.allclose(plasma_contrast(mid_grey, generator=rng()), mid_grey)
    change = plasma_brightness(mid_grey, generator=rng()) - mid_grey
    assert change.abs().max() <= 0.5
    assert change.abs().mean() > 0.05


def test_shuffling_channels_only_changes_their_order() -> None:
    x = torch.rand((200, 3, 4, 4), generator=rng())
    out = shuffle_channels(x, generator=rng(1))
    assert torch.equal(out.sort(1).values, x.sort(1).values)
    assert len({tuple(row) for row in (out[:, :, 0, 0] - x[:, :1, 0, 0]).abs().argsort(1)[:, :1].tolist()}) == 3
    assert torch.equal(shuffle_channels(x[:, :1], generator=rng(1)), x[:, :1])


@pytest.mark.parametrize("shape", [(3, 20, 16), (1, 16, 16), (3, 1, 1), (1, 2, 5)])
@pytest.mark.parametrize("operation", trivial_augment.OPERATIONS)
def test_every_operation_accepts_every_shape_and_changes_the_image(
    operation: Callable[..., torch.Tensor], shape: tuple[int, int, int]
) -> None:
    x = images(8, *shape)
    out = operation(x, generator=rng())
    assert out.shape == x.shape
    assert out.isfinite().all()
    if min(shape[1:]) > 10:
        assert (out - x).abs().mean() > 1e-3


def test_rotation_is_torchvisions(monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(1, 3, 24, 24)
    fix_draws(monkeypatch, math.radians(30))
    rotated = trivial_augment._rotate(x, generator=rng())
    clockwise = tv.rotate(x, -30, interpolation=tv.InterpolationMode.BILINEAR)
    counterclockwise = tv.rotate(x, 30, interpolation=tv.InterpolationMode.BILINEAR)
    assert min((rotated - clockwise).abs().mean(), (rotated - counterclockwise).abs().mean()) < 0.01


def test_a_shift_by_whole_pixels_does_not_interpolate(monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(2, 3, 16, 16)
    fix_draws(monkeypatch, 0.25)
    out = trivial_augment._shift_x(x, generator=rng())  # an eighth of the side: 2 of 16 pixels
    assert torch.allclose(out[..., :-2], x[..., 2:], atol=1e-4)
    assert torch.allclose(out[..., -2:], torch.zeros(1), atol=1e-4)


def test_contrast_brightness_and_sharpness_are_torchvisions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = images(2, 3, 8, 8)
    fix_draws(monkeypatch, 0.5)
    assert torch.allclose(trivial_augment._contrast(x, generator=rng()), tv.adjust_contrast(x, 0.5), atol=1e-5)
    assert torch.allclose(trivial_augment._brightness(x, generator=rng()), tv.adjust_brightness(x, 0.5))
    assert torch.allclose(trivial_augment._sharpness(x, generator=rng()), tv.adjust_sharpness(x, 0.5), atol=1e-5)


def test_posterize_rounds_down_to_at_least_16_levels() -> None:
    values = torch.arange(256.0) / 255
    out = trivial_augment._posterize(values.view(1, 1, 16, 16).repeat(20, 1, 1, 1), generator=rng()).flatten(1)
    loss = (values - out) * 255
    assert loss.min() > -1e-3
    assert loss.max() < 16
    assert {len(row.unique()) for row in out} == {16, 32, 64, 128, 256}


@pytest.mark.parametrize("channels", [1, 3])
def test_strong_augmentation_preserves_shape_and_range_and_draws_only_from_its_generator(channels: int) -> None:
    x, state = images(60, channels, 32, 32), torch.get_rng_state()
    one, two, other = (strong_augmentation(x, generator=rng(seed)) for seed in (1, 1, 2))
    assert one.shape == x.shape
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)
    assert ((one - x).abs().mean((1, 2, 3)) > 0.01).float().mean() > 0.8


def test_the_copy_with_the_highest_loss_is_taken() -> None:
    model = build_network("small", channels=3, size=32, classes=4, seed=0, device="cpu")
    learner = LearnerView(FoldedModel(model, dtype=torch.float32), Device("cpu"), classes=4, progress=Progress())
    x, y = images(70, 3, 32, 32), torch.arange(70) % 4
    hardest, labels = hardest_of(5)(x, y, learner=learner, generator=rng(3))
    copies = strong_augmentation(x.repeat(5, 1, 1, 1), generator=rng(3)).view(5, 70, 3, 32, 32)
    with torch.no_grad():
        losses = torch.stack([F.cross_entropy(model.eval()(copy), y, reduction="none") for copy in copies])
    for i in range(70):
        assert torch.equal(hardest[i], copies[losses[:, i].argmax(), i])
    assert labels is y
    lite, _ = hardest_of(1)(x, y, learner=learner, generator=rng(3))
    assert torch.equal(lite, strong_augmentation(x, generator=rng(3)))
