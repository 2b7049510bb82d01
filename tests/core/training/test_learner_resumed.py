"""A learner whose training is interrupted resumes and ends with the same bits as an uninterrupted one."""

from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.errors import BadInput, Cancelled
from core.models.folded import FoldedModel
from core.models.registry import build_network
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import CPU_ROWS, Device
from core.runtime.progress import Progress
from core.specs.lr_schedule import LearningRate
from core.training import learner
from core.training.labelled_images import LabelledTensors
from core.training.learner import LEARNER_CHECKPOINT, LearnerImages, LearnerMethod, LearnerTraining, accuracy_of, train
from core.training.loop import TrainingPlan
from tests.support.cancelling import cancel_at
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.seeded import rng

UPDATES = 10


@pytest.fixture(autouse=True)
def checkpoint_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also measure a point every three or four steps, so that checkpoints hold losses of the steps since a point."""
    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(learner, "MAX_CURVE_POINTS", 3)


def images(count: int, *, seed: int) -> LabelledTensors:
    labels = torch.arange(count) % 2
    pixels = torch.randint(0, 160, (count, 3, 32, 32), generator=rng(seed)) + 40 * labels[:, None, None, None]
    return LabelledTensors(pixels=pixels.to(torch.uint8), labels=labels)


DATA, TEST, MONITORED = images(200, seed=1), images(60, seed=2), images(30, seed=3)


def make_training(
    *,
    radius: int = 4,
    augment: str | None = None,
    classes: int = 2,
    updates: int = UPDATES,
    batch: int = 32,
    monitored: LabelledTensors | None = MONITORED,
) -> LearnerTraining:
    device = Device("cpu", cores=2)
    return LearnerTraining(
        build_network("small", channels=3, size=32, classes=classes, seed=1, device="cpu"),
        LearnerImages(train=DATA, test=TEST, monitored=monitored),
        LearnerMethod(
            threat=ThreatModel(radius=radius, steps=1, step=0.5),
            plan=TrainingPlan(updates=updates, batch=batch, learning_rate=LearningRate(peak=0.1)),
            augment=COUNTERMEASURES[augment].augment if augment else None,
        ),
        device=device,
        generator=device.generator(5),
    )


def final_state(
    training: LearnerTraining, checkpoints: CheckpointStore | None = None, progress: Progress | None = None
) -> dict[str, Tensor]:
    """The state after the last step: the weights, the curve and the state of the random numbers."""
    checkpoints = checkpoints or NullCheckpointStore()
    training.resume(progress or Progress(), checkpoints=checkpoints, name=LEARNER_CHECKPOINT)
    return training.state()


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"radius": 0, "monitored": None},
        {"augment": "ueraser-max"},  # reads the losses of the learner
        {"batch": CPU_ROWS + 32, "augment": "mixup"},  # two parts, each with its own batch norm
    ],
)
def test_a_learner_that_is_interrupted_in_every_step_ends_with_the_same_state(options: dict[str, Any]) -> None:
    """The checkpoints are within a pass and between two, before a point of the curve and after one."""
    checkpoints = MemoryCheckpointStore()
    for done in range(1, UPDATES + 1):
        with pytest.raises(Cancelled):
            final_state(make_training(**options), checkpoints, cancel_at(done))
        steps = [int(load(data)["step"]) for data in checkpoints.saved.values()]
        assert steps == ([done - 1] if done > 1 else [])
    resumed, uninterrupted = make_training(**options), make_training(**options)
    assert_same(final_state(resumed, checkpoints), final_state(uninterrupted))
    assert resumed.curve == uninterrupted.curve
    assert len(uninterrupted.curve.loss) == 3
    assert resumed.monitored_accuracy == uninterrupted.monitored_accuracy


def test_steps_after_the_last_checkpoint_are_repeated() -> None:
    """The interruption comes after a pass and a point of the curve that the checkpoint does not hold."""
    checkpoints, interrupted = MemoryCheckpointStore(), make_training()
    steps = interrupted.steps(Progress())
    next(steps), next(steps)
    interrupted.save_checkpoint(checkpoints, LEARNER_CHECKPOINT)
    for _ in range(6):
        next(steps)
    assert_same(final_state(make_training(), checkpoints), final_state(make_training()))


def test_progress_includes_the_steps_before_the_checkpoint() -> None:
    checkpoints, counted = MemoryCheckpointStore(), []
    with pytest.raises(Cancelled):
        final_state(make_training(), checkpoints, cancel_at(7))
    progress = Progress(lambda step: counted.append(step.done), interval=0.0)
    progress.start("evidence", UPDATES)
    final_state(make_training(), checkpoints, progress)
    assert (counted[0], counted[1], counted[-1]) == (0, 6, UPDATES)


def test_the_accuracy_on_the_monitored_images_is_measured_at_each_point() -> None:
    training = make_training(monitored=TEST)
    final_state(training)
    assert training.monitored_accuracy == training.curve.accuracy
    training = make_training()
    final_state(training)
    network = FoldedModel(training.model, dtype=training.device.dtype)
    expected = accuracy_of(network, MONITORED, device=training.device, progress=Progress())
    assert training.monitored_accuracy[-1] == expected


def test_train_resumes_from_its_checkpoint() -> None:
    def run_train(checkpoints: CheckpointStore, progress: Progress) -> tuple[Any, dict[str, Tensor]]:
        device = Device("cpu", cores=2)
        model = build_network("small", channels=3, size=32, classes=2, seed=1, device="cpu")
        data = LearnerImages(train=DATA, test=TEST)
        method = LearnerMethod(
            threat=ThreatModel(radius=4, steps=1),
            plan=TrainingPlan(updates=4, batch=32, learning_rate=LearningRate(peak=0.1)),
        )
        run = RunContext(device=device, progress=progress, checkpoints=checkpoints)
        return train(model, data, method, run, generator=device.generator(2), name="mine"), model.state_dict()

    checkpoints = MemoryCheckpointStore()
    with pytest.raises(Cancelled):
        run_train(checkpoints, cancel_at(3))
    assert list(checkpoints.saved) == ["mine"]
    curve, weights = run_train(checkpoints, Progress())
    expected_curve, expected_weights = run_train(NullCheckpointStore(), Progress())
    assert curve == expected_curve
    assert_same(weights, expected_weights)


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        ({"updates": UPDATES + 1}, BadInput, "by another version, which trains differently"),
        ({"batch": 33}, BadInput, "by another version, which trains differently"),
        ({"classes": 3}, RuntimeError, "size mismatch"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(
    other: dict[str, int], error: type[Exception], message: str
) -> None:
    checkpoints = MemoryCheckpointStore()
    with pytest.raises(Cancelled):
        final_state(make_training(), checkpoints, cancel_at(3))
    with pytest.raises(error, match=message):
        final_state(make_training(**other), checkpoints)


def test_on_another_kind_of_device_the_random_numbers_start_again() -> None:
    """A GPU has a random state of another size than a CPU."""
    checkpoints, final_states = MemoryCheckpointStore(), []
    with pytest.raises(Cancelled):
        final_state(make_training(), checkpoints, cancel_at(3))
    state = load(checkpoints.saved[LEARNER_CHECKPOINT])
    for random_state in (torch.zeros(16, dtype=torch.uint8), make_training().generator.get_state()):
        checkpoints.save(LEARNER_CHECKPOINT, save(state | {"rng": random_state}))
        final_states.append(final_state(make_training(), checkpoints))
    assert_same(*final_states)
