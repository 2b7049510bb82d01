"""Robust error-minimizing noise: the bound, the mask, the reference, the seed, and resuming after a crash."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from core.attacks.losses import cross_entropy_sum
from core.attacks.transforms import sample_transform
from core.noise import shards
from core.noise.make import generate_noise
from core.noise.methods import METHODS
from core.noise.objective import Objective, attack
from core.noise.optimize import optimize_noise, quantize_noise
from core.noise.setup import NoiseSetup
from core.runtime.checkpoints import NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.configs import TrainingLength
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.seeded import rng

COUNT = 75  # no multiple of any batch
STEPS = 6
LENGTH = TrainingLength(epochs=0, min_updates=STEPS, max_updates=STEPS, batch=32)
SHORT = replace(
    QUICK,
    noise={name: replace(recipe, length=LENGTH) for name, recipe in QUICK.noise.items()},
    ntga=replace(QUICK.ntga, block_size=30, steps=3, step=0.4),
)


def some_images(count: int = COUNT, *, channels: int = 3) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Three classes that differ by a faint stripe under a lot of texture."""
    draw, labels = np.random.default_rng(0), np.arange(count) % 3
    images = draw.integers(0, 256, (count, channels, 32, 32))
    images[np.arange(count), :, labels * 8] = 255
    return images.astype(np.uint8), labels.astype(np.int64)


def an_objective(method: str, **changes: int) -> Objective:
    settings = {"outer_steps": 3, "samples": 2, "inner_steps": 2, "radius_u": 8, "radius_a": 4} | changes
    return METHODS[method].applied_to(Objective(inner="", eot=True, outer_step=0.25, inner_step=0.3, **settings))


class Smooth(nn.Module):
    """A network in float64 without kinks, so that a reference agrees to the last digits."""

    def __init__(self) -> None:
        super().__init__()
        weights = torch.randn(3 * 32 * 32, 3, dtype=torch.float64, generator=rng(9))
        self.register_buffer("weights", weights / 20)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x.flatten(1) - 0.5) @ self.weights


def reference_rem(network: nn.Module, x: Tensor, y: Tensor, aim: Objective, generator: torch.Generator) -> Tensor:
    """Lines 8 to 16 of Algorithm 1 written out, as the paper prints them, for J = 1."""

    def ball(shape: torch.Size, radius: float) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64) * 2 * radius - radius

    rho_u, rho_a = aim.radius_u / 255, aim.radius_a / 255
    delta_u = (x + ball(x.shape, rho_u)).clamp(0, 1) - x
    for _ in range(aim.outer_steps):
        t = sample_transform(len(x), 32, generator=generator)
        seen = t(x + delta_u)
        delta_a = (seen + ball(x.shape, rho_a)).clamp(0, 1) - seen
        for _ in range(aim.inner_steps):
            delta_a.requires_grad_(True)
            (g,) = torch.autograd.grad(F.cross_entropy(network(seen + delta_a), y, reduction="sum"), delta_a)
            delta_a = (delta_a.detach() + aim.inner_step * rho_a * g.sign()).clamp(-rho_a, rho_a)
            delta_a = (seen + delta_a).clamp(0, 1) - seen
        delta_u = delta_u.detach().requires_grad_(True)
        loss = F.cross_entropy(network(t(x + delta_u) + delta_a.detach()), y, reduction="sum")
        (g,) = torch.autograd.grad(loss, delta_u)
        delta_u = (delta_u.detach() - aim.outer_step * rho_u * g.sign()).clamp(-rho_u, rho_u)
        delta_u = (x + delta_u).clamp(0, 1) - x
    return delta_u


def test_rem_is_algorithm_1() -> None:
    pixels, labels = some_images(7)
    x, y = torch.from_numpy(pixels).double() / 255, torch.from_numpy(labels)
    aim = an_objective("rem", samples=1, outer_steps=4, inner_steps=3)
    found = optimize_noise(Smooth(), x, y, aim, generator=rng(1), tick=lambda: None)
    expected = reference_rem(Smooth(), x, y, aim, rng(1))
    # a sign of a gradient that is zero but for rounding may differ; nothing else may
    assert (found - expected).abs().gt(1e-9).double().mean() < 1e-4


def test_em_has_no_transformation_and_no_adversary() -> None:
    """Noise for un-augmented pixels: each image's noise is what it would be if the objective were Eq. (3) itself."""
    pixels, labels = some_images(9)
    x, y = torch.from_numpy(pixels).double() / 255, torch.from_numpy(labels)
    seen = []

    def network(images: Tensor) -> Tensor:
        seen.append(images.detach())
        return Smooth()(images)

    aim = an_objective("em", outer_steps=6)
    delta = optimize_noise(network, x, y, aim, generator=rng(), tick=lambda: None)
    assert (aim.radius_a, aim.samples, aim.passes) == (0, 1, 6)
    assert len(seen) == 6
    for images in seen:
        assert (images - x).abs().max() <= 8 / 255 + 1e-12
    loss = cross_entropy_sum(Smooth(), y)
    assert loss(x + delta) < loss(x)


def test_whole_pixels_keep_the_bound_exactly() -> None:
    pixels = torch.tensor([0, 1, 128, 254, 255], dtype=torch.uint8)
    delta = torch.tensor([-0.5, 0.5, 8.4 / 255, 0.5, 0.5])
    assert quantize_noise(delta, pixels, 8).tolist() == [0, 8, 8, 1, 0]


def protect(
    method: str = "sem",
    *,
    seed: int = 0,
    cores: int = 2,
    checkpoints: MemoryCheckpointStore | NullCheckpointStore | None = None,
    count: int = COUNT,
    channels: int = 3,
    protect_mask: NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> NDArray[np.int8]:
    pixels, labels = some_images(count, channels=channels)
    spec, device = ProtectSpec(method=method, seed=seed), Device("cpu", cores=cores)
    everything = np.ones(count, dtype=bool)
    return generate_noise(
        LabelledArrays(pixels=pixels, labels=labels, classes=3),
        NoiseSetup(spec=spec, preset=SHORT),
        RunContext(device=device, progress=progress or Progress(), checkpoints=checkpoints or NullCheckpointStore()),
        protect_mask=everything if protect_mask is None else protect_mask,
        train_mask=everything,
    )


@pytest.mark.parametrize("count", [2, 3, COUNT])
@pytest.mark.parametrize("method", ["em", "tap", "ntga"])
def test_every_image_has_noise_within_the_radius(method: str, count: int) -> None:
    noise, (pixels, _) = protect(method, count=count), some_images(count)
    assert np.abs(noise).max() == 8
    assert (np.abs(noise).reshape(count, -1).mean(1) > 2).all()
    delivered = pixels.astype(int) + noise
    assert delivered.min() >= 0
    assert delivered.max() <= 255


def test_greyscale_images_have_one_channel_of_noise() -> None:
    assert protect("em", channels=1, count=12).shape == (12, 1, 32, 32)


def test_only_the_images_of_the_mask_get_noise() -> None:
    protect_mask = np.arange(20) % 4 == 0
    noise = protect("em", count=20, protect_mask=protect_mask)
    assert (np.abs(noise).reshape(20, -1).max(1) > 0).tolist() == protect_mask.tolist()


@pytest.mark.parametrize("method", ["sem", "tap", "ntga"])
def test_the_same_seed_gives_the_same_bytes_on_any_number_of_cores(method: str) -> None:
    one, two, other = (protect(method, cores=c, seed=s, count=40) for c, s in ((1, 0), (3, 0), (1, 1)))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("method", ["sem", "tap"])
def test_an_interrupted_run_resumes_to_the_same_bytes(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Crash(Exception):
        pass

    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(shards, "SHARD", 30)
    whole, checkpoints = protect(method), MemoryCheckpointStore()
    for stage, units in (("training", 2), ("training", 4), ("noise", 40)):

        def crash(step: object, stage: str = stage, units: int = units) -> None:
            if (step.stage, step.done >= units) == (stage, True):
                raise Crash

        with pytest.raises(Crash):
            protect(method, checkpoints=checkpoints, progress=Progress(crash, interval=0.0))
    assert "surrogate.safetensors" in checkpoints.saved
    assert "noise-0.npy" in checkpoints.saved
    assert np.array_equal(protect(method, checkpoints=checkpoints), whole)


def test_noise_lowers_the_loss_and_robust_noise_keeps_it_low_under_attack() -> None:
    """The point of REM (section 4): its adversarial loss on a fixed network ends below EM's."""
    pixels, labels = some_images(60)
    x, y = torch.from_numpy(pixels).float() / 255, torch.from_numpy(labels)
    network = Smooth().float()

    def attacked_loss(method: str) -> float:
        aim = an_objective(method, outer_steps=10, samples=4, inner_steps=5)
        noisy = x + optimize_noise(network, x, y, aim, generator=rng(), tick=lambda: None)
        strong = an_objective("rem", inner_steps=10)
        total = 0.0
        for seed in range(8):
            seen = sample_transform(60, 32, generator=rng(seed))(noisy)
            delta = attack(network, seen, y, strong, generator=rng(seed), tick=lambda: None)
            total += float(cross_entropy_sum(network, y)(seen + delta))
        return total

    assert attacked_loss("rem") < attacked_loss("em")
