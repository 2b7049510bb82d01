"""A learner whose training breaks off goes on where it was, and ends as one that never did: the same bits."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.errors import BadInput, Cancelled
from core.evaluation.evidence import EvaluationData, measure_evidence
from core.evaluation.verification_runner import LearnerSetup, VerificationRunner
from core.models.folded import FoldedModel
from core.models.registry import build
from core.results.evidence import Evidence
from core.results.verification import VerificationRow
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import CPU_ROWS, Device
from core.runtime.progress import Progress, Step
from core.specs.configs import TrainingLength
from core.specs.lr_schedule import LearningRate
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.specs.verify import STANDARD_TRAINING, RowSpec, VerifySpec
from core.training import learner
from core.training.labelled_images import LabelledArrays, LabelledTensors
from core.training.learner import LEARNER_CHECKPOINT, LearnerImages, LearnerMethod, LearnerTraining, accuracy_of, train
from core.training.loop import TrainingPlan
from tests.support.checkpoints import Memory

UPDATES = 10
SHORT = TrainingLength(epochs=0, min_updates=4, max_updates=4, batch=32)


@pytest.fixture(autouse=True)
def kept_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """And tested every three or four steps, so that losses wait for the next point."""
    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(learner, "MAX_CURVE_POINTS", 3)


def pictures(count: int, *, seed: int) -> LabelledTensors:
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    pixels = torch.randint(0, 160, (count, 3, 32, 32), generator=rng) + 40 * labels[:, None, None, None]
    return LabelledTensors(pixels=pixels.to(torch.uint8), labels=labels)


DATA, TEST, MONITORED = pictures(200, seed=1), pictures(60, seed=2), pictures(30, seed=3)


def training(*, radius: int = 4, augment: str | None = None, classes: int = 2, **changed: Any) -> LearnerTraining:
    device = Device("cpu", cores=2)
    how = {"updates": UPDATES, "batch": 32, "monitored": MONITORED} | changed
    return LearnerTraining(
        build("small", channels=3, size=32, classes=classes, seed=1, device="cpu"),
        LearnerImages(train=DATA, test=TEST, monitored=how["monitored"]),
        LearnerMethod(
            threat=ThreatModel(radius=radius, steps=1, step=0.5),
            plan=TrainingPlan(updates=how["updates"], batch=how["batch"], learning_rate=LearningRate(peak=0.1)),
            augment=COUNTERMEASURES[augment].augment if augment else None,
        ),
        device=device,
        generator=device.generator(5),
    )


def finished(
    run: LearnerTraining, checkpoints: CheckpointStore | None = None, progress: Progress | None = None
) -> dict[str, Tensor]:
    """The state that a run ends with, which has the weights, the curve and the random numbers that would come next."""
    run.resume(progress or Progress(), checkpoints=checkpoints or NullCheckpointStore(), name=LEARNER_CHECKPOINT)
    return run.state()


def killed_at(done: int) -> Progress:
    """Breaks off as soon as so many updates are done, before they are kept."""

    def stop(step: Step) -> None:
        if step.done == done:
            raise Cancelled

    return Progress(stop, interval=0.0)


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"radius": 0, "monitored": None},
        {"augment": "ueraser-max"},  # asks the learner for its losses
        {"batch": CPU_ROWS + 32, "augment": "mixup"},  # two parts, each with batch norm of its own
    ],
)
def test_a_learner_that_breaks_off_in_every_step_ends_the_same(how: dict[str, Any]) -> None:
    """So it goes on from every state there is: within a pass and after one, before a test and after one."""
    checkpoints = Memory()
    for done in range(1, UPDATES + 1):
        with pytest.raises(Cancelled):
            finished(training(**how), checkpoints, killed_at(done))
        assert (
            int(load(checkpoints.pieces[LEARNER_CHECKPOINT])["step"]) == done - 1
            if done > 1
            else not checkpoints.pieces
        )
    resumed, whole = training(**how), training(**how)
    assert_same(finished(resumed, checkpoints), finished(whole))
    assert resumed.curve == whole.curve
    assert len(whole.curve.loss) == 3
    assert resumed.monitored_accuracy == whole.monitored_accuracy


def test_a_learner_that_breaks_off_long_after_it_was_kept_ends_the_same() -> None:
    """In the middle of its test, after a pass and a point that no piece has."""
    checkpoints, broken = Memory(), training()
    steps = broken.steps(Progress())
    next(steps), next(steps)
    broken.save_checkpoint(checkpoints, LEARNER_CHECKPOINT)
    for _ in range(6):
        next(steps)
    resumed = training()
    assert_same(finished(resumed, checkpoints), finished(training()))


def test_progress_counts_what_was_done_before() -> None:
    checkpoints, counted = Memory(), []
    with pytest.raises(Cancelled):
        finished(training(), checkpoints, killed_at(7))
    progress = Progress(lambda step: counted.append(step.done), interval=0.0)
    progress.start("evidence", UPDATES)
    finished(training(), checkpoints, progress)
    assert (counted[0], counted[1], counted[-1]) == (0, 6, UPDATES)


def test_what_is_watched_is_tested_at_each_point() -> None:
    run = training(monitored=TEST)
    finished(run)
    assert run.monitored_accuracy == run.curve.accuracy
    run = training()
    finished(run)
    network = FoldedModel(run.model, dtype=run.device.dtype)
    assert run.monitored_accuracy[-1] == accuracy_of(network, MONITORED, device=run.device, progress=Progress())


def test_train_goes_on_from_its_shelf() -> None:
    def learned(checkpoints: CheckpointStore, progress: Progress) -> tuple[Any, dict[str, Tensor]]:
        device = Device("cpu", cores=2)
        model = build("small", channels=3, size=32, classes=2, seed=1, device="cpu")
        images = LearnerImages(train=DATA, test=TEST)
        method = LearnerMethod(
            threat=ThreatModel(radius=4, steps=1),
            plan=TrainingPlan(updates=4, batch=32, learning_rate=LearningRate(peak=0.1)),
        )
        run = RunContext(device=device, progress=progress, checkpoints=checkpoints)
        return train(model, images, method, run, generator=device.generator(2), name="mine"), model.state_dict()

    checkpoints = Memory()
    with pytest.raises(Cancelled):
        learned(checkpoints, killed_at(3))
    assert list(checkpoints.pieces) == ["mine"]
    (curve, weights), (whole, same) = learned(checkpoints, Progress()), learned(NullCheckpointStore(), Progress())
    assert curve == whole
    assert_same(weights, same)


@pytest.mark.parametrize(
    ("other", "error", "words"),
    [
        ({"updates": UPDATES + 1}, BadInput, "by another version, which trains differently"),
        ({"batch": 33}, BadInput, "by another version, which trains differently"),
        ({"classes": 3}, RuntimeError, "size mismatch"),
    ],
)
def test_what_another_run_kept_is_refused(other: dict[str, int], error: type[Exception], words: str) -> None:
    checkpoints = Memory()
    with pytest.raises(Cancelled):
        finished(training(), checkpoints, killed_at(3))
    with pytest.raises(error, match=words):
        finished(training(**other), checkpoints)


def test_on_another_kind_of_device_random_numbers_start_again() -> None:
    checkpoints, ends = Memory(), []
    with pytest.raises(Cancelled):
        finished(training(), checkpoints, killed_at(3))
    kept = load(checkpoints.pieces[LEARNER_CHECKPOINT])
    for rng in (torch.zeros(16, dtype=torch.uint8), training().generator.get_state()):  # as a GPU's; as from the seed
        checkpoints.save(LEARNER_CHECKPOINT, save(kept | {"rng": rng}))
        ends.append(finished(training(), checkpoints))
    assert_same(*ends)


def drawn(count: int, *, seed: int) -> LabelledArrays:
    of = pictures(count, seed=seed)
    return LabelledArrays(pixels=of.pixels.numpy(), labels=of.labels.numpy(), classes=2)


def evidence(checkpoints: CheckpointStore, progress: Progress) -> Evidence:
    shown, test_mask = drawn(120, seed=1), np.arange(120) < 50
    exhibit = EvaluationData(
        clean=shown.pixels,
        delivered=255 - shown.pixels,
        labels=shown.labels,
        test_mask=test_mask,
        classes=2,
        note=None,
    )
    course = replace(QUICK.schedules["quick"], length=SHORT, attack_steps=1)
    spec, preset = ProtectSpec(evidence="quick"), replace(QUICK, schedules={"quick": course})
    run = RunContext(device=Device("cpu", cores=2), progress=progress, checkpoints=checkpoints)
    return measure_evidence(exhibit, spec, preset, run)


def test_evidence_goes_on_within_a_learner_and_leaves_only_curves() -> None:
    checkpoints = Memory()
    with pytest.raises(Cancelled):
        evidence(checkpoints, killed_at(7))  # of 4 and 4 standard updates, and as many adversarial ones
    assert set(checkpoints.pieces) == {"curve-0-None-before.json", "curve-0-None-after.safetensors"}
    counted: list[int] = []
    found = evidence(checkpoints, Progress(lambda step: counted.append(step.done), interval=0.0))
    assert found.rows == evidence(NullCheckpointStore(), Progress()).rows
    assert sorted(set(counted))[:5] == [0, 4, 6, 7, 8]
    assert {name.rpartition(".")[2] for name in checkpoints.pieces} == {"json"}


def test_verification_goes_on_within_a_learner_and_leaves_only_curves() -> None:
    def row(checkpoints: CheckpointStore) -> VerificationRow:
        school = VerificationRunner(
            LearnerSetup(test=drawn(60, seed=2), classes=2, train_images=80),
            VerifySpec(),
            replace(QUICK.schedules["quick"], length=SHORT),
            RunContext(device=Device("cpu", cores=2), checkpoints=checkpoints),
        )
        asked = RowSpec(training=STANDARD_TRAINING, countermeasure=None, architecture="small", percentage=100)
        return school.row(asked, lambda side, seed: None if side == "rest" else drawn(80, seed=len(side)))

    class Breaks(Memory):
        def save(self, name: str, data: bytes) -> None:
            super().save(name, data)
            if "after" in name and int(load(data)["step"]) == 3:
                raise Cancelled

    checkpoints = Breaks()
    with pytest.raises(Cancelled):
        row(checkpoints)
    kept, name = Memory(), "learner-small-Linf-0-None-after-100-0"
    kept.pieces = dict(checkpoints.pieces)
    assert set(kept.pieces) == {"learner-small-Linf-0-None-before-0.json", f"{name}.safetensors"}
    assert row(kept) == row(NullCheckpointStore())
    assert set(kept.pieces) == {"learner-small-Linf-0-None-before-0.json", f"{name}.json"}
