"""Evidence that has a time: enough of it changes nothing, and an interruption changes no plan."""

import json
import threading
import time
from dataclasses import asdict, replace

import numpy as np
import pytest

from core.errors import Cancelled
from core.evaluation import learner_cost, learner_run, time_budget
from core.evaluation.evaluation_data import EvaluationData
from core.evaluation.evidence import measure_evidence
from core.evaluation.learner_cost import LearnerCost, measure_cost
from core.evaluation.learner_run import LearnerConfig
from core.results.evidence import Evidence
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.configs import TrainingLength
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays
from tests.support.cancelling import cancel_at
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.evidence_plans import is_shortened


@pytest.mark.parametrize("cores", [1, 2])
def test_evidence_that_promised_to_be_quicker_ends_with_the_rows_that_were_in_time(
    cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_updates_cost(monkeypatch, 1e-6)
    measured = evidence(0.2, NullCheckpointStore(), Progress(), cores=cores)
    assert [row.training for row in measured.rows] == ["standard"]
    assert measured.plan is not None
    assert len(measured.plan.left_out) == 2


def images(count: int, *, seed: int) -> LabelledArrays:
    labels = np.arange(count) % 2
    pixels = np.random.default_rng(seed).integers(0, 160, (count, 3, 32, 32)) + 40 * labels[:, None, None, None]
    return LabelledArrays(pixels=pixels.astype(np.uint8), labels=labels, classes=2)


def evidence(seconds: float | None, checkpoints: CheckpointStore, progress: Progress, *, cores: int = 1) -> Evidence:
    clean = images(300, seed=1)
    data = EvaluationData(
        clean=clean.pixels,
        delivered=255 - clean.pixels,
        labels=clean.labels,
        test_mask=np.arange(300) < 100,
        classes=2,
        note=None,
    )
    length = TrainingLength(epochs=0, min_updates=60, max_updates=60, batch=32)
    schedule = replace(QUICK.schedules["quick"], length=length, attack_steps=1)
    preset = replace(QUICK, schedules={"quick": schedule})
    run = RunContext(device=Device("cpu", cores=cores), progress=progress, checkpoints=checkpoints)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ProtectSpec, "evidence_seconds", property(lambda _: seconds))
        return measure_evidence(data, ProtectSpec(), preset, run)


def let_updates_cost(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    cost = LearnerCost(update=seconds, test_image=0.0, train_image=0.0)
    monkeypatch.setattr("core.evaluation.evidence.measure_cost", lambda *_, **__: cost)


def test_enough_time_changes_no_byte_of_the_evidence() -> None:
    limited = evidence(1_000.0, NullCheckpointStore(), Progress())
    assert limited.rows == evidence(None, NullCheckpointStore(), Progress()).rows
    assert limited.plan is not None
    assert not is_shortened(limited.plan)
    assert evidence(None, NullCheckpointStore(), Progress()).plan is None


def test_both_learners_of_a_row_are_trained_alike_after_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan that an attempt recorded counts, whatever the machine of the next attempt can do."""
    monkeypatch.setattr(time_budget, "MIN_UPDATES", 10)
    let_updates_cost(monkeypatch, 0.1)
    seen: list[tuple[int, int]] = []
    real = learner_run.run_learner

    def run_learner(config: LearnerConfig, data: LabelledArrays, *more: object, **how: object) -> object:
        seen.append((config.updates, len(data)))
        return real(config, data, *more, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(learner_run, "run_learner", run_learner)
    checkpoints = MemoryCheckpointStore()
    with pytest.raises(Cancelled):
        evidence(8.0, checkpoints, cancel_at(20))  # in the second learner
    assert len(seen) == 2
    let_updates_cost(monkeypatch, 9.0)
    resumed = evidence(8.0, checkpoints, Progress())
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] < 60
    assert resumed.plan is not None
    assert resumed.plan.rows[0].updates == seen[0][0]
    assert is_shortened(resumed.plan)
    assert Evidence.from_dict(json.loads(json.dumps(asdict(resumed)))) == resumed


def test_the_cost_of_a_learner_is_what_its_updates_take() -> None:
    config = LearnerConfig(
        architecture="small", radius=0, countermeasure=None, seed=0, updates=60, schedule=QUICK.schedules["quick"]
    )
    run = RunContext(device=Device("cpu", cores=2), progress=Progress())
    cost = measure_cost(config, images(300, seed=1), images(100, seed=2), run)
    assert cost.update > 0
    began = time.monotonic()
    learner_run.run_learner(config, images(300, seed=1), images(100, seed=2), run)
    taken = time.monotonic() - began
    assert cost.seconds(60, train_images=300, test_images=100) == pytest.approx(taken, rel=0.9)


def test_learners_that_will_be_trained_side_by_side_are_timed_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=20)
    monkeypatch.setattr(learner_cost, "run_learner", lambda *_: both.wait())
    config = LearnerConfig(
        architecture="small", radius=0, countermeasure=None, seed=0, updates=60, schedule=QUICK.schedules["quick"]
    )
    run = RunContext(device=Device("cpu", cores=2), progress=Progress())
    measure_cost(config, images(300, seed=1), images(100, seed=2), run, at_once=2)
    assert not both.broken
