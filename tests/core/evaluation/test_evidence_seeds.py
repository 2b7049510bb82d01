"""Full evidence trains each learner with three seeds: rows show the mean, and how far the runs differ."""

import json
from dataclasses import asdict, replace
from statistics import fmean, stdev

import numpy as np
import pytest

from core.errors import Cancelled
from core.evaluation import learner_run
from core.evaluation.evaluation_data import EvaluationData
from core.evaluation.evidence import measure_evidence
from core.evaluation.learner_run import LearnerConfig
from core.results.evidence import Curve, Evidence, EvidenceRow
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.configs import TrainingLength
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays
from tests.support.checkpoints import MemoryCheckpointStore

SEED = 5


class DrawnLearners:
    """Learners whose answers are drawn from their seed and images, as those of a training depend on both.

    Attributes:
        seeds: Those of the learners so far.
        stop_at: The number of the learner in which the work is canceled.
    """

    def __init__(self) -> None:
        self.seeds: list[int] = []
        self.stop_at = 0

    def __call__(
        self, config: LearnerConfig, images: LabelledArrays, test: LabelledArrays, run: RunContext, *, name: str
    ) -> Curve:
        self.seeds.append(config.seed)
        if len(self.seeds) == self.stop_at:
            raise Cancelled
        run.progress.advance(config.updates)
        draw = np.random.default_rng((config.seed, config.radius, int(images.pixels[0, 0, 0, 0])))
        correct = draw.random((2, len(test))) < (0.3 if images.pixels.mean() > 128 else 0.7)
        points = ["".join("1" if one else "0" for one in answers) for answers in correct]
        accuracy = tuple(float(answers.mean()) for answers in correct)
        peak = points[int(accuracy[1] > accuracy[0])]
        return Curve(epoch=(1, 2), accuracy=accuracy, loss=(1.0, 0.5), correct=points[1], correct_at_peak=peak)


@pytest.fixture(autouse=True)
def learners(monkeypatch: pytest.MonkeyPatch) -> DrawnLearners:
    drawn = DrawnLearners()
    monkeypatch.setattr(learner_run, "run_learner", drawn)
    return drawn


def evidence(
    amount: str = "full", checkpoints: CheckpointStore | None = None, progress: Progress | None = None
) -> Evidence:
    labels = np.arange(240) % 2
    clean = np.random.default_rng(1).integers(0, 120, (240, 3, 32, 32)).astype(np.uint8)
    data = EvaluationData(
        clean=clean, delivered=255 - clean, labels=labels, test_mask=np.arange(240) < 120, classes=2, note=None
    )
    length = TrainingLength(epochs=0, min_updates=6, max_updates=6, batch=32)
    schedule = replace(QUICK.schedules["quick"], length=length)
    run = RunContext(
        device=Device("cpu", cores=1),
        progress=progress or Progress(),
        checkpoints=checkpoints or NullCheckpointStore(),
    )
    preset = replace(QUICK, schedules=dict.fromkeys(("quick", "full"), schedule))
    return measure_evidence(data, ProtectSpec(evidence=amount, seed=SEED), preset, run)


def test_full_evidence_has_three_runs_and_their_mean(learners: DrawnLearners) -> None:
    steps: list[tuple[int, int]] = []
    found = evidence(progress=Progress(lambda step: steps.append((step.done, step.total)), interval=0.0))
    assert learners.seeds == [SEED, SEED, SEED + 1, SEED + 1, SEED + 2, SEED + 2] * len(found.rows)
    assert steps[-1][0] == steps[-1][1] > 0
    for row in found.rows:
        before, after = row.runs["before"], row.runs["after"]
        assert len(before) == len(after) == row.run_count == 3
        assert (row.accuracy_before, row.accuracy_after) == pytest.approx((fmean(before), fmean(after)))
        assert row.spread_of_change == stdev(b - a for a, b in zip(before, after, strict=True))
        assert row.peak_before >= row.accuracy_before
        assert row.difference is not None
        assert row.difference.change == pytest.approx(row.accuracy_after - row.accuracy_before)
        assert row.is_significantly_lower
        assert row.curves["after"].accuracy[-1] == row.accuracy_after


def test_quick_evidence_has_the_first_of_them() -> None:
    full = {row.name: row for row in evidence().rows}
    for row in evidence("quick").rows:
        assert (row.run_count, row.spread_of_change) == (1, None)
        assert (row.accuracy_before, row.accuracy_after) == tuple(runs[0] for runs in full[row.name].runs.values())
        one, three = row.difference, full[row.name].difference
        assert one is not None
        assert three is not None
        assert three.ci95[1] - three.ci95[0] < one.ci95[1] - one.ci95[0], "a mean of three is known better"


def test_an_interrupted_run_is_trained_again_and_the_finished_ones_are_not(learners: DrawnLearners) -> None:
    whole = evidence()
    count, checkpoints = len(learners.seeds), MemoryCheckpointStore()
    learners.seeds.clear()
    learners.stop_at = 11  # the last run of the second row, on the originals
    with pytest.raises(Cancelled):
        evidence(checkpoints=checkpoints)
    learners.seeds.clear()
    learners.stop_at = 0
    assert evidence(checkpoints=checkpoints).rows == whole.rows
    assert learners.seeds[0] == SEED + 2
    assert len(learners.seeds) == count - 10


def test_rows_are_read_again_and_those_of_older_versions_have_one_run() -> None:
    full = evidence()
    assert Evidence.from_dict(json.loads(json.dumps(asdict(full)))) == full
    older = json.loads(json.dumps(asdict(full.rows[0])))
    del older["runs"]
    row = EvidenceRow.from_dict(older)
    assert (row.run_count, row.spread_of_change) == (1, None)
