"""Learners that start from a pretrained network, here one with random weights from a safetensors file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from core.errors import BadInput, Cancelled
from core.evaluation.learner_run import LearnerConfig, run_learner
from core.models import pretrained
from core.models.efficientnet_lite import EfficientNetLite0
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.configs import LearnerSchedule, TrainingLength
from core.specs.lr_schedule import LearningRate
from core.training.labelled_images import LabelledArrays
from tests.support.cancelling import cancel_at
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.networks import random_efficientnet

SCHEDULE = LearnerSchedule(
    length=TrainingLength(epochs=1, min_updates=1, max_updates=100, batch=16),
    learning_rate=LearningRate(peak=0.05),
    attack_steps=1,
    attack_step=1.0,
)


def config(architecture: str, *, updates: int = 20, radius: int = 0) -> LearnerConfig:
    return LearnerConfig(
        architecture=architecture,
        radius=radius,
        countermeasure=None,
        seed=0,
        updates=updates,
        schedule=SCHEDULE,
        photographs=True,
    )


def thirds(count: int, *, seed: int, channels: int = 3) -> LabelledArrays:
    """Three classes, by how many of three rows are bright; a mirror image has the same class."""
    labels = np.arange(count) % 3
    pixels = np.random.default_rng(seed).integers(0, 8, (count, channels, 36, 36))
    for third in range(3):
        pixels[labels >= third, :, third * 12 : third * 12 + 12] += 120
    return LabelledArrays(pixels=pixels.astype(np.uint8), labels=labels.astype(np.int64), classes=3)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, and running statistics that suit them."""
    network = random_efficientnet(torch.from_numpy(thirds(48, seed=3).pixels).float() / 255)
    file: Path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    safetensors.torch.save_file(network.state_dict(), file)
    return file


@pytest.fixture
def run(weights: Path) -> RunContext:
    return RunContext(device=Device("cpu"), pretrained_weights=weights)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("architecture", "points"), [("pretrained-probe", 1), ("pretrained-finetune", 10)])
def test_a_pretrained_learner_learns(architecture: str, points: int, channels: int, run: RunContext) -> None:
    train, test = thirds(48, seed=1, channels=channels), thirds(60, seed=2, channels=channels)
    curve = run_learner(config(architecture, updates=40), train, test, run)
    assert curve.accuracy[-1] > 0.55  # chance is a third; random weights are no good start
    assert len(curve.accuracy) == points


def test_fine_tuning_trains_all_weights_and_learns_the_running_statistics(
    run: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks: list[EfficientNetLite0] = []

    def keep(*args: object, **kwargs: object) -> EfficientNetLite0:
        networks.append(pretrained.load_pretrained(*args, **kwargs))  # type: ignore[arg-type]
        return networks[-1]

    monkeypatch.setattr("core.evaluation.learner_run.load_pretrained", keep)
    run_learner(config("pretrained-finetune", updates=2), thirds(16, seed=1), thirds(3, seed=2), run)
    [trained], original = networks, pretrained.load_pretrained(run.pretrained_weights).state_dict()
    for name, tensor in trained.state_dict().items():
        if not name.startswith("classifier") and not name.endswith("num_batches_tracked"):
            assert not torch.equal(tensor, original[name]), name
    assert trained.classifier.out_features == 3


def test_adversarial_fine_tuning_runs(run: RunContext) -> None:
    learner = config("pretrained-finetune", updates=10, radius=4)
    curve = run_learner(learner, thirds(24, seed=1), thirds(12, seed=2), run)
    assert curve.loss[-1] < curve.loss[0]


def test_the_seed_decides_the_curve_and_the_number_of_cores_does_not(weights: Path) -> None:
    def curve(seed: int, cores: int) -> object:
        run = RunContext(device=Device("cpu", cores=cores), pretrained_weights=weights)
        learner = replace(config("pretrained-finetune", updates=3), seed=seed)
        return run_learner(learner, thirds(24, seed=1), thirds(12, seed=2), run)

    assert curve(0, 1) == curve(0, 3)
    assert curve(0, 1) != curve(1, 1)


def test_fine_tuning_that_was_stopped_ends_as_if_it_had_not(run: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0.0)
    learner, train, test = config("pretrained-finetune", updates=5), thirds(24, seed=1), thirds(12, seed=2)
    expected = run_learner(learner, train, test, run)
    store = MemoryCheckpointStore()
    with pytest.raises(Cancelled):
        run_learner(learner, train, test, replace(run, checkpoints=store, progress=cancel_at(3)))
    assert run_learner(learner, train, test, replace(run, checkpoints=store, progress=Progress())) == expected


def test_without_weights_the_message_says_how_to_get_them(run: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "WEIGHTS_PACKAGE", "no_such_package_of_weights")
    without = replace(run, pretrained_weights=None)
    with pytest.raises(BadInput, match="no pretrained weights on this machine"):
        run_learner(config("pretrained-probe"), thirds(24, seed=1), thirds(12, seed=2), without)
