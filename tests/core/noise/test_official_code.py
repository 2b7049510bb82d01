"""Where the official code of the papers differs from ours, its way is there too: each held to a transcription of it."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks.norms import PIXEL, DenseL1
from core.attacks.pgd import MAXIMIZE, PGDConfig, pgd
from core.attacks.transforms import sample_transform
from core.models.folded import FoldedModel
from core.noise.final_search import final_noise
from core.noise.methods import objective_of
from core.noise.ntga.attack import OneHotImages, search_block_noise, trained_coefficients
from core.noise.ntga.ntk import WideNetwork
from core.noise.objective import Objective
from core.noise.optimize import optimize_noise
from core.noise.setup import NoiseSetup
from core.noise.surrogate import SurrogateTraining
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.configs import OUR_DETAILS, PGDSearch, TrainingLength
from core.specs.lr_schedule import LearningRate
from core.specs.presets import PAPER, QUICK, like_official_code
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledTensors
from core.training.loop import TrainingPlan
from core.training.sgd import DataParallelSGD
from tests.support.networks import batch_for, network
from tests.support.seeded import rng

SEARCH = PGDSearch(outer_steps=4, outer_step=0.3, samples=1, inner_steps=3, inner_step=0.4)


def objective(method: str) -> Objective:
    return objective_of(NoiseSetup(spec=ProtectSpec(method=method), preset=like_official_code(QUICK)), SEARCH)


class Smooth(nn.Module):
    """A network without kinks, so that a transcription agrees to the last digits; it keeps the images it has seen."""

    def __init__(self) -> None:
        super().__init__()
        weights = torch.randn(3 * 32 * 32, 3, dtype=torch.float64, generator=rng(9))
        self.weights = nn.Parameter(weights / 20)
        self.seen: list[tuple[bool, Tensor]] = []  # whether in training mode, and the images

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(x, Tensor):  # and not what torch.fx follows through the network
            self.seen.append((self.training, x.detach().double()))
        return torch.tanh(x.flatten(1).to(self.weights.dtype) - 0.5) @ self.weights


def saturated(count: int) -> tuple[Tensor, Tensor]:
    """Images uint8 with many black and white pixels, and labels."""
    pixels = torch.randint(-80, 336, (count, 3, 32, 32), generator=rng()).clamp(0, 255)
    return pixels.to(torch.uint8), torch.arange(count) % 3


def official_rem(model: nn.Module, x: Tensor, y: Tensor, aim: Objective, generator: torch.Generator) -> Tensor:
    """RobustMinimaxPGDDefender.perturb with one sample: delta may leave the range of pixels, images are clipped."""

    def uniform(radius: float) -> Tensor:
        return torch.rand(x.shape, generator=generator, dtype=x.dtype) * 2 * radius - radius

    radius, attack_radius = aim.radius_u / 255, aim.radius_a / 255
    delta = uniform(radius)
    for _ in range(aim.outer_steps):
        transform = sample_transform(len(x), 32, generator=generator)
        delta.requires_grad_(True)
        protected = transform((x + delta).clamp(0, 1))
        start = protected.detach()
        attacked = (start + uniform(attack_radius)).clamp(0, 1)
        for _ in range(aim.inner_steps):
            attacked.requires_grad_(True)
            (slope,) = torch.autograd.grad(F.cross_entropy(model(attacked), y, reduction="sum"), attacked)
            moved = attacked.detach() + aim.inner_step * attack_radius * slope.sign()
            attacked = (start + (moved - start).clamp(-attack_radius, attack_radius)).clamp(0, 1)
        attacked.requires_grad_(True)
        (slope,) = torch.autograd.grad(F.cross_entropy(model(attacked), y, reduction="sum"), attacked)
        (pulled_back,) = torch.autograd.grad((protected * slope).sum(), delta)
        delta = (delta.detach() - aim.outer_step * radius * pulled_back.sign()).clamp(-radius, radius)
    return delta


def test_the_official_search_of_rem_clips_images_and_not_its_noise() -> None:
    pixels, y = saturated(6)
    x, aim = pixels.double() * PIXEL, objective("rem")
    found = optimize_noise(Smooth(), x, y, aim, generator=rng(1), tick=lambda: None)
    expected = (x + official_rem(Smooth(), x, y, aim, rng(1))).clamp(0, 1) - x
    # a sign of a gradient that is zero but for rounding may differ; nothing else may
    assert (found - expected).abs().gt(1e-9).double().mean() < 1e-3
    ours = optimize_noise(Smooth(), x, y, replace(aim, pixel_box=True), generator=rng(1), tick=lambda: None)
    assert (ours - expected).abs().gt(1e-9).double().mean() > 0.01, "the images tell the two apart"


def test_the_official_noise_of_em_is_searched_on_one_draw_of_t_and_added_to_the_image_as_it_is() -> None:
    pixels, y = saturated(5)
    aim, model, run = objective("em"), Smooth(), RunContext(device=Device("cpu", cores=1))
    folded = FoldedModel(model, dtype=torch.float64)
    noise = final_noise(folded, LabelledTensors(pixels=pixels, labels=y), aim, run, generator=rng(2))

    generator = rng(int(torch.randint(2**62, (1,), generator=rng(2))))  # that of the only chunk
    moved = sample_transform(5, 32, generator=generator)(pixels.float() * PIXEL)
    delta = optimize_noise(folded, moved, y, aim, generator=generator, tick=lambda: None)
    expected = (pixels + (delta * 255).round()).clamp(0, 255) - pixels
    assert torch.equal(noise.float(), expected)


def test_the_official_surrogate_of_em_learns_the_images_that_its_noise_was_searched_on() -> None:
    pixels, y = saturated(16)
    seen: dict[bool, list[Tensor]] = {True: [], False: []}
    for preset in (like_official_code(QUICK), QUICK):
        setup = NoiseSetup(spec=ProtectSpec(method="em"), preset=preset)
        model = Smooth().float()
        training = SurrogateTraining(
            model,
            LabelledTensors(pixels=pixels, labels=y),
            objective_of(setup, SEARCH),
            TrainingPlan(updates=1, batch=16, learning_rate=LearningRate(peak=0.1)),
            device=Device("cpu", cores=1),
            generator=rng(),
        )
        list(training.steps(Progress()))
        learned = torch.cat([x for learns, x in model.seen if learns])
        searched = training._folded._folded.seen[-1][1]  # the images of the last step of the search
        away = (learned - searched).abs().amax() * 255
        seen[preset is QUICK] = [learned]
        assert (away <= 16.01) == (preset is not QUICK), "radius 8 to both sides, after the same draw of T"
    assert not torch.equal(seen[True][0], seen[False][0])


def test_one_step_of_ntga_is_the_sign_of_the_gradient_at_the_clean_block() -> None:
    draw = rng(4)
    x, y = torch.rand(6, 1, 4, 4, generator=draw, dtype=torch.float64), torch.eye(6, dtype=torch.float64)[:, :2]
    others = torch.rand(5, 1, 4, 4, generator=draw, dtype=torch.float64)
    labels = torch.eye(5, dtype=torch.float64)[:, :2]
    config = like_official_code(QUICK).ntga
    assert (config.steps, config.step) == (1, 1.0)
    found = search_block_noise(
        OneHotImages(x=x, y=y),
        OneHotImages(x=others, y=labels),
        radius=8,
        config=config,
        generator=rng(),
        tick=lambda: None,
    )
    rows = x.flatten(1).requires_grad_(True)
    coefficients = trained_coefficients(rows, y, time=config.time)
    logits = WideNetwork().kernel(others.flatten(1), rows) @ coefficients
    (slope,) = torch.autograd.grad(F.cross_entropy(logits, labels), rows)
    step = (8 / 255 * slope.sign()).view_as(x)
    torch.testing.assert_close(found, (x + step).clamp(0, 1) - x)


def official_l1(weights: Tensor, x: Tensor, delta: Tensor, *, radius: float, step: float, steps: int) -> Tensor:
    """PGDAttacker.perturb with norm_type l1, on a loss with this gradient."""

    def over_norm(values: Tensor) -> tuple[Tensor, Tensor]:
        norm = values.flatten(1).abs().sum(1)[:, None, None, None]
        return values / (norm + 1e-10), norm

    adversarial = x + delta
    for _ in range(steps):
        adversarial = adversarial + step * over_norm(weights * (2 * adversarial - 1))[0]
        direction, norm = over_norm(adversarial - x)
        adversarial = (x + direction * norm.clamp(max=radius)).clamp(0, 1)
    return adversarial - x


def test_dense_steps_in_l1_are_those_of_the_official_code() -> None:
    pixels, _ = saturated(4)
    x = pixels.double() * PIXEL
    weights = torch.randn(x.shape, generator=rng(3), dtype=torch.float64)
    ball = DenseL1(1000 * PIXEL)
    start = ball.random_init(x, generator=rng(5))
    assert torch.allclose(start.flatten(1).abs().sum(1), torch.tensor(1000 * PIXEL, dtype=torch.float64))
    config = PGDConfig(ball=ball, steps=10, step_size=200 * PIXEL, sign=MAXIMIZE)
    found = pgd(lambda z: (weights * (z * z - z)).sum(), x, config, generator=rng(), start=start)
    clipped = (x + start).clamp(0, 1) - x
    expected = official_l1(weights, x, clipped, radius=1000 * PIXEL, step=200 * PIXEL, steps=10)
    torch.testing.assert_close(found, expected)
    assert not DenseL1(0.0).random_init(x, generator=rng()).any()


def test_whole_batches_in_batch_norm_make_the_step_of_plain_torch() -> None:
    model, x, y = network("small"), batch_for("small", 6), torch.arange(6) % 3
    device = Device("cpu", cores=2)
    device.dtype = torch.float32
    plain = network("small")
    plain.load_state_dict(model.state_dict())
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    F.cross_entropy(plain.train()(x), y).backward()
    optimizer.step()
    length = TrainingLength(epochs=1, min_updates=1, max_updates=1, batch=128)
    preset = like_official_code(PAPER)
    plan = TrainingPlan.of(length, LearningRate(peak=0.1), images=6, details=preset.details)
    assert plan.sgd.part_images == 128
    assert TrainingPlan.of(length, LearningRate(peak=0.1), images=6, details=OUR_DETAILS).sgd.part_images < 128
    DataParallelSGD(model, device, settings=plan.sgd).step(x, y, learning_rate=0.1)
    for ours, theirs in zip(model.state_dict().values(), plain.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("method", ["rem", "sem", "tap"])
def test_only_em_searches_after_t(method: str) -> None:
    assert not objective(method).transforms_first
    assert objective("em").transforms_first
    assert not objective_of(NoiseSetup(spec=ProtectSpec(method="em"), preset=QUICK), SEARCH).transforms_first
