"""How the methods differ: the images that their networks see, the label, and the adversary."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.attacks.transforms import sample_transform
from core.noise.description import describe_noise
from core.noise.final_search import final_noise, search_noise
from core.noise.methods import METHODS, objective_of
from core.noise.objective import Objective
from core.noise.optimize import optimize_noise
from core.noise.setup import NoiseSetup
from core.noise.surrogate import SurrogateTraining
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.lr_schedule import LearningRate
from core.specs.presets import QUICK
from core.specs.protect import METHODS as NAMES
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays, LabelledTensors
from core.training.loop import TrainingPlan
from tests.support.seeded import rng

INPUTS: list[
    tuple[bool, Tensor]
] = []  # whether in training mode, and the images, of each pass through a RecordingNetwork


class RecordingNetwork(nn.Module):
    """A linear network that records its inputs, as do its copies."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        weights = torch.randn(classes, 3 * 32 * 32, generator=torch.Generator().manual_seed(1)) / 30
        self.weights = nn.Parameter(weights)

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(x, Tensor):  # and not what torch.fx follows through the network
            INPUTS.append((self.training, x.detach().float()))
        return (x - 0.5).flatten(1).to(self.weights.dtype) @ self.weights.T


@pytest.fixture(autouse=True)
def no_inputs_yet() -> None:
    INPUTS.clear()


def images(count: int) -> tuple[Tensor, Tensor]:
    return torch.randint(0, 256, (count, 3, 32, 32), generator=rng()).to(torch.uint8), torch.arange(count) % 3


def an_objective(method: str, *, eot: bool = True, **changes: int) -> Objective:
    settings = {"outer_steps": 12, "samples": 2, "inner_steps": 2, "radius_u": 8, "radius_a": 4} | changes
    plain = Objective(inner="", eot=eot, outer_step=0.25, inner_step=0.5, **settings)
    return METHODS[method].applied_to(plain)


def distance(images: Tensor, pixels: Tensor) -> Tensor:
    """How far each image is from the nearest of `pixels` in L-inf, in pixel units."""
    flat = pixels.flatten(1).float()
    return torch.stack([(flat - image.flatten() * 255).abs().amax(1).min() for image in images])


def train(aim: Objective, pixels: Tensor, labels: Tensor) -> None:
    training = SurrogateTraining(
        RecordingNetwork(),
        LabelledTensors(pixels=pixels, labels=labels),
        aim,
        TrainingPlan(updates=2, batch=16, learning_rate=LearningRate(peak=0.1)),
        device=Device("cpu", cores=1),
        generator=rng(),
    )
    for _ in training.steps(Progress()):
        pass


def test_em_noise_is_searched_on_the_pixels_it_is_added_to() -> None:
    """In training too, where the network then learns from cropped and mirrored ones."""
    pixels, labels = images(20)
    train(an_objective("em"), pixels, labels)
    searched = torch.cat([x for training, x in INPUTS if not training])
    learned = torch.cat([x for training, x in INPUTS if training])
    assert len(searched) == 2 * 16 * 12
    assert distance(searched, pixels).max() < 8.01
    assert distance(learned, pixels).max() > 100  # so that the distance tells them apart


@pytest.mark.parametrize("method", ["rem", "sem"])
def test_without_eot_the_surrogate_learns_from_untransformed_images(method: str) -> None:
    """Eq. (4) has no T anywhere. With T in its training alone, noise protects nearly as well as with EOT."""
    pixels, labels = images(20)
    aim = an_objective(method, eot=False)
    train(aim, pixels, labels)
    assert distance(torch.cat([x for training, x in INPUTS if training]), pixels).max() < 8 + aim.radius_a + 0.01


class LeftHalf(nn.Module):
    """Only sees the left half: every weight there is 1 or -1, and the other class has the opposite."""

    def __init__(self) -> None:
        super().__init__()
        signs = torch.where(torch.rand(3, 32, 32, generator=rng(2)) < 0.5, -1.0, 1.0)
        signs[:, :, 16:] = 0
        self.register_buffer("signs", signs / 500)

    def forward(self, x: Tensor) -> Tensor:
        level = ((x - 0.5) * self.signs).sum((1, 2, 3))
        return torch.stack([level, -level], dim=1)


def left_half_noise(aim: Objective) -> tuple[Tensor, Tensor]:
    """The noise of twelve grey images of class 0: (n, c, s, s), and which way each pixel should go."""
    pixels, network = torch.full((12, 3, 32, 32), 128, dtype=torch.uint8), LeftHalf()
    grey = LabelledTensors(pixels=pixels, labels=torch.zeros(12, dtype=torch.int64))
    noise = final_noise(network, grey, aim, RunContext(device=Device("cpu", cores=1)), generator=rng(3))
    return noise, network.signs.sign()


def test_em_noise_lies_pixel_on_pixel_where_the_network_looks() -> None:
    """The exact solution: the corner of the ball on the left, and the random start untouched on the right."""
    noise, signs = left_half_noise(an_objective("em"))
    assert (noise[..., :16] == 8 * signs[..., :16]).all()
    assert noise[..., 16:].float().std() == pytest.approx(8 / 3**0.5, rel=0.05)
    assert noise[..., 16:].float().mean().abs() < 0.2


def test_noise_searched_through_transformations_lies_elsewhere() -> None:
    noise, signs = left_half_noise(an_objective("rem", radius_a=0))
    assert (noise[..., :16] == 8 * signs[..., :16]).float().mean() < 0.9
    assert noise[..., 16:].float().std() > 5


def test_tap_minimizes_the_loss_at_the_next_class() -> None:
    """Against A.3.2 written out: sign steps down the cross-entropy at g(y), through a fresh t each."""
    pixels, labels = images(9)
    x, network = pixels.double() / 255, RecordingNetwork().double()
    aim = an_objective("tap", outer_steps=5)
    found = optimize_noise(network, x, labels, aim, generator=rng(1), tick=lambda: None)
    target, radius, draw = torch.tensor([1, 2, 0] * 3), 8 / 255, rng(1)
    delta = torch.rand(x.shape, generator=draw, dtype=torch.float64) * 2 * radius - radius
    delta = (x + delta).clamp(0, 1) - x
    for copies in [aim.samples] * 5:
        delta.requires_grad_(True)
        t = sample_transform(9 * copies, 32, generator=draw)
        seen = t((x + delta).repeat(copies, 1, 1, 1))
        (g,) = torch.autograd.grad(F.cross_entropy(network(seen), target.repeat(copies), reduction="sum"), delta)
        delta = (delta.detach() - radius / 4 * g.sign()).clamp(-radius, radius)
        delta = (x + delta).clamp(0, 1) - x
    # a sign of a gradient that is zero but for rounding may differ; nothing else may
    assert (found - delta).abs().gt(1e-9).double().mean() < 1e-4
    before, after = (F.cross_entropy(network(z), target) for z in (x, x + found))
    assert after < before


def test_taps_network_learns_from_clean_images() -> None:
    """White images stay white, but for the black that crops bring in, and there are no searches."""
    setup = NoiseSetup(spec=ProtectSpec(method="tap"), preset=QUICK)
    aim = objective_of(setup, setup.config.training)
    pixels, labels = torch.full((20, 3, 32, 32), 255, dtype=torch.uint8), torch.arange(20) % 3
    train(aim, pixels, labels)
    assert all(training for training, _ in INPUTS)
    assert set(torch.cat([x for _, x in INPUTS]).unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("method", ["rem", "sem", "tap"])
def test_eot_can_be_left_out(method: str) -> None:
    """Table 4's "None": the network sees the very pixels, and what its adversary adds."""
    pixels, labels = images(6)
    for eot, far in ((True, True), (False, False)):
        INPUTS.clear()
        aim = an_objective(method, eot=eot)
        optimize_noise(RecordingNetwork(), pixels.float() * PIXEL, labels, aim, generator=rng(), tick=lambda: None)
        away = distance(torch.cat([x for _, x in INPUTS]), pixels).max()
        assert (away > 100) == far
        assert far or away < 8 + aim.radius_a + 0.01
        assert (aim.eot, aim.samples) == (eot, 2 if eot else 1)


def test_the_spec_decides_on_eot_and_em_never_has_it() -> None:
    search = QUICK.noise["rem"].final
    found = {
        (method, eot): objective_of(NoiseSetup(spec=ProtectSpec(method=method, eot=eot), preset=QUICK), search).eot
        for method in METHODS
        for eot in (True, False)
    }
    assert {key for key, eot in found.items() if eot} == {("rem", True), ("sem", True), ("tap", True)}


@pytest.mark.parametrize("method", ["rem", "sem", "em", "tap"])
@pytest.mark.parametrize(("radius_u", "radius_a"), [(4, 0), (16, 8), (8, 2), (1, 0)])
def test_any_radii_do(method: str, radius_u: int, radius_a: int) -> None:
    spec = ProtectSpec(method=method, radius_u=radius_u, radius_a=radius_a)
    pixels, labels = (tensor.numpy() for tensor in images(4))
    few, run = LabelledArrays(pixels=pixels, labels=labels, classes=3), RunContext(device=Device("cpu", cores=1))
    setup = NoiseSetup(spec=spec, preset=QUICK)
    noise = search_noise(RecordingNetwork(), few, setup, run, protect_mask=np.ones(4, dtype=bool))
    assert np.abs(noise).max() == radius_u


def test_an_adversary_of_radius_zero_costs_nothing() -> None:
    assert an_objective("rem", radius_a=0).passes == 12 * 2
    assert an_objective("rem").passes == 12 * 2 * 3


def test_the_report_states_what_each_method_used() -> None:
    def described(method: str, **spec: object) -> dict[str, object]:
        return describe_noise(
            NoiseSetup(spec=ProtectSpec(method=method, **spec), preset=QUICK), size=32, trained_on=500
        )

    assert [(described(m)["radius_a"], described(m)["eot"]) for m in ("rem", "sem", "em", "tap", "ntga")] == [
        (4, True),
        (4, True),
        (0, False),
        (0, True),
        (0, False),
    ]
    assert described("rem", eot=False)["eot"] is False
    assert described("tap")["training_steps"] == QUICK.noise["tap"].length.updates(500)
    assert "training_steps" not in described("ntga")
    assert described("ntga")["largest_block"] == QUICK.ntga.block_size
    for method in NAMES:
        assert described(method)["method"] == method
