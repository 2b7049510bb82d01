"""Evidence and verification that are interrupted within a learner resume there, and then hold only its curve."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load

from core.errors import Cancelled
from core.evaluation.evaluation_data import EvaluationData
from core.evaluation.evidence import measure_evidence
from core.evaluation.verification_data import VerificationData
from core.evaluation.verification_runner import VerificationRunner
from core.results.evidence import Evidence
from core.results.verification_row import VerificationRow
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress, Step
from core.specs.configs import TrainingLength
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.specs.verify import STANDARD_TRAINING, RowSpec, VerifySpec
from core.training.labelled_images import LabelledArrays
from tests.support.cancelling import cancel_at
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.seeded import rng

UPDATES = TrainingLength(epochs=0, min_updates=4, max_updates=4, batch=32)


@pytest.fixture(autouse=True)
def checkpoint_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0.0)


def images(count: int, *, seed: int) -> LabelledArrays:
    labels = torch.arange(count) % 2
    pixels = torch.randint(0, 160, (count, 3, 32, 32), generator=rng(seed)) + 40 * labels[:, None, None, None]
    return LabelledArrays(pixels=pixels.to(torch.uint8).numpy(), labels=labels.numpy(), classes=2)


def evidence(checkpoints: CheckpointStore, progress: Progress, *, cores: int = 1) -> Evidence:
    clean = images(120, seed=1)
    data = EvaluationData(
        clean=clean.pixels,
        delivered=255 - clean.pixels,
        labels=clean.labels,
        test_mask=np.arange(120) < 50,
        classes=2,
        note=None,
    )
    schedule = replace(QUICK.schedules["quick"], length=UPDATES, attack_steps=1)
    spec, preset = ProtectSpec(evidence="quick"), replace(QUICK, schedules={"quick": schedule})
    run = RunContext(device=Device("cpu", cores=cores), progress=progress, checkpoints=checkpoints)
    return measure_evidence(data, spec, preset, run)


def test_interrupted_evidence_resumes_within_a_learner_and_leaves_only_curves() -> None:
    checkpoints = MemoryCheckpointStore()
    with pytest.raises(Cancelled):
        evidence(checkpoints, cancel_at(7))  # in the second of four learners of 4 updates
    assert set(checkpoints.saved) == {
        "curve-small-None-0-None-before.json",
        "curve-small-None-0-None-after.safetensors",
    }
    counted: list[int] = []
    resumed = evidence(checkpoints, Progress(lambda step: counted.append(step.done), interval=0.0))
    assert resumed.rows == evidence(NullCheckpointStore(), Progress()).rows
    assert sorted(set(counted))[:5] == [0, 4, 6, 7, 8]
    assert {name.rpartition(".")[2] for name in checkpoints.saved} == {"json"}


def test_evidence_that_is_interrupted_within_two_learners_at_a_time_resumes() -> None:
    def stop(step: Step) -> None:
        if step.done >= 5:  # of 8 updates of both; a thread does not report what another one is reporting
            raise Cancelled

    checkpoints = MemoryCheckpointStore()
    with pytest.raises(Cancelled):
        evidence(checkpoints, Progress(stop, interval=0.0), cores=2)
    assert checkpoints.saved
    resumed = evidence(checkpoints, Progress(), cores=2)
    assert resumed.rows == evidence(NullCheckpointStore(), Progress()).rows
    assert {name.rpartition(".")[2] for name in checkpoints.saved} == {"json"}


def test_interrupted_verification_resumes_within_a_learner_and_leaves_only_curves() -> None:
    def measure_row(checkpoints: CheckpointStore) -> VerificationRow:
        data = VerificationData(
            clean=images(80, seed=6),
            delivered=images(80, seed=5).pixels,
            test=images(60, seed=2),
            missing=0,
            protected_label=None,
            percentage=100,
        )
        schedule = replace(QUICK.schedules["quick"], length=UPDATES)
        run = RunContext(device=Device("cpu", cores=1), checkpoints=checkpoints)
        row = RowSpec(training=STANDARD_TRAINING, countermeasure=None, architecture="small", percentage=100)
        preset = replace(QUICK, schedules={"quick": schedule})
        return VerificationRunner(data, VerifySpec(), preset, run, amount="quick").run_row(row)

    class InterruptedStore(MemoryCheckpointStore):
        def save(self, name: str, data: bytes) -> None:
            super().save(name, data)
            if "after" in name and int(load(data)["step"]) == 3:
                raise Cancelled

    interrupted = InterruptedStore()
    with pytest.raises(Cancelled):
        measure_row(interrupted)
    checkpoints, name = MemoryCheckpointStore(), "learner-small-Linf-0-None-after-100-0"
    checkpoints.saved = dict(interrupted.saved)
    assert set(checkpoints.saved) == {"learner-small-Linf-0-None-before-0.json", f"{name}.safetensors"}
    assert measure_row(checkpoints) == measure_row(NullCheckpointStore())
    assert set(checkpoints.saved) == {"learner-small-Linf-0-None-before-0.json", f"{name}.json"}
