"""The training of the noise network: what it lowers, for which surrogates, and that it is repeatable."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from core.attacks.norms import PIXEL
from core.generators.shipped import WEIGHTS_FOLDER
from core.models.folded import FoldedModel
from core.noise.generator_file import load_generator
from core.noise.methods import METHODS
from core.noise.objective import Objective, robust_loss
from core.noise.optimize import quantize_noise
from core.noise.setup import NoiseSetup
from core.noise.train_noise_network import (
    NoiseNetworkTraining,
    WeightedSurrogate,
    quantize_images,
    train_noise_network,
)
from core.runtime.checkpoints import NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.lr_schedule import LearningRate
from core.specs.presets import PRESETS
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays, LabelledTensors
from core.training.loop import TrainingPlan
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.generator_files import a_model
from tests.support.noise_networks import COUNT, RADIUS, a_network, some_images
from tests.support.short_training import short_training

AIM = METHODS["sem"].applied_to(
    Objective(
        radius_u=RADIUS,
        radius_a=4,
        inner="",
        eot=True,
        outer_steps=0,
        outer_step=0.0,
        inner_steps=0,
        inner_step=0.0,
        samples=1,
    )
)


def a_training(*surrogates: WeightedSurrogate, updates: int = 4, cores: int = 2) -> NoiseNetworkTraining:
    device, (pixels, labels) = Device("cpu", cores=cores), some_images()
    return NoiseNetworkTraining(
        a_network(a_model()),
        surrogates,
        LabelledTensors(pixels=pixels, labels=labels),
        TrainingPlan(updates=updates, batch=COUNT, learning_rate=LearningRate(peak=0.1)),
        device=device,
        generator=device.generator(0),
    )


def the_robust_loss(surrogate: torch.nn.Module, noise: Tensor, aim: Objective = AIM) -> float:
    """The mean robust loss of the images with a noise in whole pixel units, over a few fixed draws."""
    pixels, labels = some_images()
    network, rng = FoldedModel(surrogate, dtype=torch.float32), torch.Generator().manual_seed(1)
    loss = robust_loss(network, labels, aim, generator=rng, tick=lambda: None)
    with torch.no_grad():
        return sum(float(loss((pixels + noise).float() * PIXEL)) for _ in range(4)) / 4 / COUNT


def test_rounding_keeps_whole_pixels_and_passes_the_gradient() -> None:
    x = torch.linspace(0, 1, 1000, dtype=torch.float64, requires_grad=True)
    rounded = quantize_images(x)
    torch.testing.assert_close(rounded * 255, (x * 255).round(), rtol=0, atol=1e-9)
    (gradient,) = torch.autograd.grad(rounded.sum(), x)
    assert torch.equal(gradient, torch.ones_like(x))


def noise_of(training: NoiseNetworkTraining) -> Tensor:
    """The noise that the network now predicts, in whole pixel units."""
    pixels, labels = some_images()
    with torch.no_grad():
        return quantize_noise(training.network.eval()(pixels.float() * PIXEL, labels), pixels, RADIUS)


def test_training_lowers_the_robust_loss_and_does_not_change_the_surrogate() -> None:
    surrogate = load_generator(
        WEIGHTS_FOLDER / "cifar10-32.safetensors", device="cpu"
    ).model  # initial weights hardly tell images apart
    weights = {name: tensor.clone() for name, tensor in surrogate.state_dict().items()}
    training = a_training(WeightedSurrogate(surrogate=surrogate, objective=AIM), updates=25)
    first = noise_of(training)
    nothing, at_first = the_robust_loss(surrogate, torch.zeros_like(first)), the_robust_loss(surrogate, first)
    training.resume(Progress(), checkpoints=NullCheckpointStore(), name="network")
    in_the_end = the_robust_loss(surrogate, noise_of(training))
    assert in_the_end < 0.8 * min(nothing, at_first)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in surrogate.state_dict().items())


class ColourAndBrightness(torch.nn.Module):
    """Tells three classes apart by their colour, and less by whether they are bright, dark, or neither."""

    def __init__(self) -> None:
        super().__init__()
        colour = torch.tensor([[1.0, -1, 0], [0, 1, -1], [-1, 0, 1]])
        brightness = torch.tensor([0.6, -0.6, 0])[:, None]
        self.register_buffer("weights", (colour + brightness)[:, :, None, None].expand(3, 3, 32, 32) / 20)

    def forward(self, x: Tensor) -> Tensor:
        return (x - 0.5).flatten(1) @ self.weights.flatten(1).to(x.dtype).T


def test_a_surrogate_on_greyscale_images_makes_noise_that_survives_greyscale() -> None:
    model, greyscale = ColourAndBrightness(), replace(AIM, greyscale=1.0)
    found = []
    for share in (0.0, 0.5):
        surrogates = [
            WeightedSurrogate(surrogate=model, objective=aim, weight=s)
            for aim, s in ((AIM, 1 - share), (greyscale, share))
        ]
        training = a_training(*surrogates, updates=25)
        training.resume(Progress(), checkpoints=NullCheckpointStore(), name="network")
        noise = noise_of(training)
        found.append((the_robust_loss(model, noise), the_robust_loss(model, noise, greyscale)))
    (colour_alone, greyscale_alone), (colour_both, greyscale_both) = found
    nothing = the_robust_loss(model, torch.zeros(COUNT, 3, 32, 32, dtype=torch.int16))
    assert greyscale_both < 0.75 * greyscale_alone
    assert colour_alone < colour_both < 0.75 * nothing


def test_two_equal_surrogates_train_as_one() -> None:
    """For an objective without random draws; weights that are no powers of two would round."""
    aim = replace(AIM, inner="none", eot=False)
    states = []
    for weights in ((1.0,), (0.5, 0.5)):
        training = a_training(
            *(WeightedSurrogate(surrogate=a_model(), objective=aim, weight=weight) for weight in weights)
        )
        training.resume(Progress(), checkpoints=NullCheckpointStore(), name="network")
        states.append(training.state())
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("greyscale", "stages"), [(True, ["grey", "network"]), (False, ["network"])])
def test_a_greyscale_surrogate_is_trained_if_requested(greyscale: bool, stages: list[str]) -> None:
    pixels, labels = (tensor.numpy() for tensor in some_images(12))
    run, images = RunContext(device=Device("cpu", cores=1)), LabelledArrays(pixels=pixels, labels=labels, classes=3)
    with short_training():
        setup = NoiseSetup(spec=ProtectSpec(), preset=PRESETS["quick"])
        network = train_noise_network(a_model(), images, setup, run, greyscale=greyscale)
    progress = run.progress
    progress.finish()
    assert network is not None
    assert [stage for stage in progress.seconds if stage != "unpacking"] == stages


def test_training_is_the_same_on_any_number_of_cores_and_after_a_resume() -> None:
    ends, surrogate = [], WeightedSurrogate(surrogate=a_model(), objective=AIM)
    for cores in (1, 2):
        training = a_training(surrogate, cores=cores)
        training.resume(Progress(), checkpoints=NullCheckpointStore(), name="network")
        ends.append(training.state())
    checkpoints, broken = MemoryCheckpointStore(), a_training(surrogate)
    steps = broken.steps(Progress())
    next(steps), next(steps)
    broken.save_checkpoint(checkpoints, "network")
    resumed = a_training(surrogate)
    resumed.resume(Progress(), checkpoints=checkpoints, name="network")
    ends.append(resumed.state())
    for name, tensor in ends[0].items():
        assert all(torch.equal(end[name], tensor) for end in ends[1:]), name
