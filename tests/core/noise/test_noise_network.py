"""The noise network: its bounds, its training, and the noise that it predicts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.attacks.norms import PIXEL
from core.generators.shipped import WEIGHTS_FOLDER
from core.models.folded import FoldedModel
from core.models.registry import last_layer
from core.noise.generator_file import load_generator
from core.noise.inference import predict_noise
from core.noise.methods import METHODS
from core.noise.noise_network import NoiseNetwork, create_noise_network
from core.noise.objective import Objective, robust_loss
from core.noise.optimize import quantize_noise
from core.noise.setup import NoiseSetup
from core.noise.shards import SHARD
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
from tests.support.short_training import short_training

COUNT, RADIUS = 96, 8
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


def a_network(surrogate: torch.nn.Module, *, channels: int = 3, size: int = 32, seed: int = 0) -> NoiseNetwork:
    classes = last_layer(surrogate).out_features
    return create_noise_network(surrogate, channels=channels, size=size, classes=classes, radius=RADIUS, seed=seed)


def some_images(count: int = COUNT, *, channels: int = 3, size: int = 32) -> tuple[Tensor, Tensor]:
    pixels = np.random.default_rng(0).integers(0, 256, (count, channels, size, size)).astype(np.uint8)
    return torch.from_numpy(pixels), torch.arange(count) % 3


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


@pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 32), (3, 64), (3, 48), (1, 112)])
def test_the_noise_has_the_shape_of_the_images_and_stays_within_the_radius(channels: int, size: int) -> None:
    surrogate = a_model(channels=channels, size=size) if size in (32, 64) else a_model()
    network, (pixels, labels) = (
        a_network(surrogate, channels=channels, size=size),
        some_images(6, channels=channels, size=size),
    )
    with torch.no_grad():
        network.head.bias.fill_(50.0)  # tanh is 1
        noise = network.eval()(pixels * PIXEL, labels)
    assert noise.shape == pixels.shape
    torch.testing.assert_close(noise, torch.full_like(noise, RADIUS / 255))


def test_a_size_that_is_no_multiple_of_16_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16, not 40"):
        a_network(a_model(), size=40)


def test_each_class_starts_with_its_direction_in_the_surrogates_last_layer() -> None:
    surrogate = a_model()
    rows = surrogate.network.head.weight
    away = torch.nn.functional.normalize(rows - rows.mean(0))
    own = torch.nn.functional.normalize(a_network(surrogate).directions.weight)
    torch.testing.assert_close(own, away)


def test_the_same_seed_makes_the_same_network() -> None:
    surrogate = a_model()
    one, same, other = (a_network(surrogate, seed=seed).head.weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


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


def predicted(network: NoiseNetwork, protect_mask: NDArray[np.bool_], checkpoints: Any = None) -> NDArray[np.int8]:
    pixels, labels = (tensor.numpy() for tensor in some_images(len(protect_mask)))
    images = LabelledArrays(pixels=pixels, labels=labels, classes=3)
    run = RunContext(device=Device("cpu"), checkpoints=checkpoints or NullCheckpointStore())
    return predict_noise(network, images, run, radius=RADIUS, protect_mask=protect_mask)


def test_only_the_images_of_the_mask_get_noise() -> None:
    count = SHARD + 70
    pixels, labels = some_images(count)
    network, protect_mask = a_network(a_model()).eval(), np.arange(count) % 4 != 1
    with torch.no_grad():
        network.head.weight.mul_(100)
    noise = predicted(network, protect_mask)
    assert noise.dtype == np.int8
    assert not noise[~protect_mask].any()
    assert 1 < np.abs(noise[protect_mask].astype(int)).mean() <= RADIUS
    assert np.abs(noise.astype(int)).max() == RADIUS
    delivered = pixels.numpy().astype(int) + noise
    assert delivered.min() >= 0
    assert delivered.max() <= 255
    for place in (
        0,
        2,
        count - 2,
    ):  # as in a batch of its own, up to one pixel unit: sums in other batches round differently
        with torch.no_grad():
            alone = network(pixels[[place]].float() * PIXEL, labels[[place]])
        expected = quantize_noise(alone, pixels[[place]], RADIUS).numpy()[0]
        assert np.abs(expected - noise[place]).max() <= 1


def test_prediction_resumes_from_the_finished_shards() -> None:
    network, protect_mask, checkpoints = (
        a_network(a_model()).eval(),
        np.ones(SHARD + 5, dtype=bool),
        MemoryCheckpointStore(),
    )
    whole = predicted(network, protect_mask, checkpoints)
    checkpoints.delete("noise-1.npy")
    with torch.no_grad():
        network.head.weight.zero_()
    again = predicted(network, protect_mask, checkpoints)
    assert np.array_equal(again[:SHARD], whole[:SHARD])
    assert not np.array_equal(again[SHARD:], whole[SHARD:])
