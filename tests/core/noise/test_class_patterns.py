"""A pattern for each class, the search that begins there, and surrogates that begin at a generator's weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.attacks.losses import cross_entropy_sum
from core.models.folded import FoldedModel
from core.noise import make as noises
from core.noise.class_patterns import class_patterns
from core.noise.generator_file import TrainedGenerator
from core.noise.methods import METHODS
from core.noise.objective import Objective, optimize_noise
from core.noise.tuning import surrogate_from
from core.runtime.checkpoints import NullCheckpointStore
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.presets import QUICK, TrainingLength
from core.specs.protect import ProtectSpec
from tests.support.checkpoints import Memory
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
        some_images(len(labels))[0],
        labels,
        3,
        steps=steps,
        objective=AIM,
        device=device,
        generator=device.generator(0),
        progress=Progress(),
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


def test_the_search_begins_at_the_pattern() -> None:
    """Without a step the noise is the pattern, but for what would leave [0, 1]; and a step moves it."""
    pixels, labels = some_images()
    x, network, start = pixels.float() / 255, a_model(), patterns_of(labels)[labels]

    def found(steps: int) -> torch.Tensor:
        aim = replace(AIM, outer_steps=steps)
        draws = torch.Generator().manual_seed(0)
        return optimize_noise(network, x, labels, aim, generator=draws, tick=lambda: None, start=start)

    assert torch.equal(found(0), (x + start).clamp(0, 1) - x)
    assert 0 < (found(1) - found(0)).abs().max() <= 0.25 * 8 / 255 + 1e-6


def protect(checkpoints: Memory | NullCheckpointStore, progress: Progress | None = None) -> NDArray[np.int8]:
    recipe = QUICK.noise["sem"]
    search = replace(recipe.final, outer_steps=2, samples=1, pattern_steps=3)
    preset = replace(QUICK, noise={"sem": replace(recipe, final=search)})
    pixels, labels = (tensor.numpy() for tensor in some_images())
    run = {"device": Device("cpu"), "progress": progress or Progress(), "checkpoints": checkpoints}
    return noises.search_noise(a_model(), pixels, labels, np.ones(COUNT, bool), ProtectSpec(), preset, **run)


def test_a_run_that_broke_off_goes_on_from_the_same_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    class Crash(Exception):
        pass

    def crash(step: object) -> None:
        if (step.stage, step.done >= 30) == ("noise", True):
            raise Crash

    monkeypatch.setattr(noises, "SHARD", 15)
    whole, checkpoints = protect(NullCheckpointStore()), Memory()
    with pytest.raises(Crash):
        protect(checkpoints, Progress(crash, interval=0.0))
    assert 0 < len(checkpoints.pieces) < 3
    assert np.array_equal(protect(checkpoints), whole)
    assert np.abs(whole).max() == 8


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
def test_a_training_from_weights_broken_off_ends_the_same(
    generator: TrainedGenerator, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(Exception):
        pass

    def crash(step: object) -> None:
        if (step.stage, step.done >= 2) == ("training", True):
            raise Crash

    def trained(checkpoints: Memory | NullCheckpointStore, progress: Progress) -> torch.nn.Module:
        pixels, labels = (tensor.numpy() for tensor in some_images(channels=channels))
        recipe = replace(QUICK.noise["em"], length=TrainingLength(epochs=0, least=4, most=4, batch=16))
        run = {"device": Device("cpu"), "progress": progress, "checkpoints": checkpoints, "start": generator}
        spec = ProtectSpec(method="em")
        return noises.train_surrogate(pixels, labels, 2, spec, replace(QUICK, noise={"em": recipe}), **run)

    monkeypatch.setattr("core.training.loop.KEEP_EVERY", 0.0)
    whole, checkpoints = trained(NullCheckpointStore(), Progress()).state_dict(), Memory()
    with pytest.raises(Crash):
        trained(checkpoints, Progress(crash, interval=0.0))
    again = trained(checkpoints, Progress()).state_dict()
    assert all(torch.equal(again[name], whole[name]) for name in whole)
    assert not torch.equal(next(iter(whole.values())), next(iter(generator.model.state_dict().values())))
