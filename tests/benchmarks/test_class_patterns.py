"""Class patterns, the search that starts from them, and surrogates that start from a generator's weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.class_patterns import class_patterns, search_from_patterns
from benchmarks.tuning import surrogate_from, tune_surrogate
from core.attacks.losses import cross_entropy_sum
from core.models.folded import FoldedModel
from core.noise.generator_file import TrainedGenerator
from core.noise.methods import METHODS
from core.noise.objective import Objective
from core.noise.setup import NoiseSetup
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.specs.configs import TrainingLength
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays, LabelledTensors
from tests.support.generator_files import a_card, a_model

COUNT = 40
AIM = METHODS["sem"].applied_to(
    Objective(
        radius_u=8,
        radius_a=4,
        inner="",
        eot=True,
        outer_steps=3,
        outer_step=0.25,
        inner_steps=0,
        inner_step=0.0,
        samples=2,
    )
)


def some_images(count: int = COUNT, *, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = np.random.default_rng(0).integers(0, 256, (count, channels, 32, 32)).astype(np.uint8)
    return torch.from_numpy(pixels), torch.arange(count) % 2


def patterns_of(labels: torch.Tensor, *, cores: int = 2, steps: int = 12) -> torch.Tensor:
    device = Device("cpu", cores=cores)
    return class_patterns(
        FoldedModel(a_model(), dtype=torch.float32),
        LabelledTensors(pixels=some_images(len(labels))[0], labels=labels),
        AIM,
        RunContext(device=device),
        classes=3,
        steps=steps,
        generator=device.generator(0),
    )


def test_one_pattern_lowers_the_loss_of_a_whole_class_and_of_no_other() -> None:
    pixels, labels = some_images()
    patterns, x = patterns_of(labels), pixels.float() / 255
    assert patterns.shape == (3, 3, 32, 32)
    assert patterns.abs().max() <= 8 / 255 + 1e-7
    loss = cross_entropy_sum(a_model(), labels)
    with torch.no_grad():
        shifts = (0, patterns[labels], patterns[1 - labels])
        plain, own, other = (float(loss((x + shift).clamp(0, 1))) for shift in shifts)
    assert own < plain < other


def test_a_class_without_images_has_no_pattern() -> None:
    patterns = patterns_of(some_images()[1])
    assert patterns[2].abs().max() == 0
    assert (patterns[:2].abs().amax((1, 2, 3)) > 0).all()


def test_a_pattern_is_the_same_on_any_number_of_cores() -> None:
    labels = some_images()[1]
    assert torch.equal(patterns_of(labels, cores=1), patterns_of(labels, cores=3))


def test_the_search_starts_from_the_pattern() -> None:
    """Without a step the noise is the pattern, except where it would leave [0, 1]; a step moves it."""
    pixels, labels = some_images()
    images = LabelledArrays(pixels=pixels.numpy(), labels=labels.numpy(), classes=2)
    config = QUICK.noise["sem"]

    def found(steps: int) -> np.ndarray:
        search = replace(config.final, outer_steps=steps, samples=1)
        setup = NoiseSetup(
            spec=ProtectSpec(method="sem"), preset=replace(QUICK, noise={"sem": replace(config, final=search)})
        )
        return search_from_patterns(a_model(), images, setup, RunContext(device=Device("cpu")), pattern_steps=3)

    for label in (0, 1):
        own = labels.numpy() == label
        inside = (pixels.numpy()[own] >= 8) & (pixels.numpy()[own] <= 247)
        noise = np.where(inside, found(0)[own], 0)
        assert (noise.max(axis=0) - noise.min(axis=0))[inside.all(axis=0)].max(initial=0) == 0
    difference = np.abs(found(1).astype(int) - found(0))
    assert 0 < difference.max() <= 3  # a step of 0.2 radius_u, rounded twice


@pytest.fixture
def generator() -> TrainedGenerator:
    return TrainedGenerator(card=a_card(), model=a_model(), sha256="")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_surrogate_begins_at_the_generators_weights_and_leaves_them_alone(
    generator: TrainedGenerator, channels: int
) -> None:
    pixels, _ = some_images(4, channels=channels)
    x = pixels.float() / 255
    surrogate = surrogate_from(generator, channels=channels, classes=2, seed=0)
    assert torch.equal(surrogate(x), generator.model(x.expand(-1, 3, -1, -1)))
    with torch.no_grad():
        for weight in surrogate.parameters():
            weight.zero_()
    assert all(torch.equal(a, b) for a, b in zip(generator.model.parameters(), a_model().parameters(), strict=True))


def test_for_more_classes_than_outputs_the_last_layer_is_new(generator: TrainedGenerator) -> None:
    surrogate = surrogate_from(generator, channels=3, classes=7, seed=0)
    own, given = surrogate.state_dict(), generator.model.state_dict()
    assert [name for name in own if own[name].shape != given[name].shape] == [
        "network.head.weight",
        "network.head.bias",
    ]
    assert all(torch.equal(own[name], given[name]) for name in own if "head" not in name)


@pytest.mark.parametrize("channels", [1, 3])
def test_tuning_changes_a_copy_of_the_weights(generator: TrainedGenerator, channels: int) -> None:
    pixels, labels = (tensor.numpy() for tensor in some_images(channels=channels))
    config = replace(QUICK.noise["em"], length=TrainingLength(epochs=0, min_updates=4, max_updates=4, batch=16))
    setup = NoiseSetup(spec=ProtectSpec(method="em"), preset=replace(QUICK, noise={"em": config}))
    images = LabelledArrays(pixels=pixels, labels=labels, classes=2)
    tuned = tune_surrogate(generator, images, setup, RunContext(device=Device("cpu")))
    own, given = next(tuned.parameters()), next(generator.model.parameters())
    assert torch.equal(given, next(a_model().parameters()))
    assert not torch.equal(own, given)
