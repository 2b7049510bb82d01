"""Helpers train learners of an evaluation: the results are the same as without them, whatever becomes of a helper."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.evaluation import learner_run
from core.evaluation.evaluation_data import EvaluationData
from core.evaluation.evidence import measure_evidence
from core.evaluation.evidence_data import EvidenceData
from core.evaluation.learner import ImageChoice, Learner, load_learners, save_learners
from core.evaluation.learner_pool import LearnerPool
from core.evaluation.learner_run import LearnerConfig
from core.evaluation.piece_trainer import PieceTrainer
from core.evaluation.verification_data import VerificationData
from core.evaluation.verification_runner import VerificationRunner
from core.results.evidence import Curve, Evidence
from core.results.verification_row import VerificationRow
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.pieces import NoPieceBoard, PieceBoard
from core.runtime.progress import Progress
from core.specs.configs import TrainingLength
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.specs.verify import VerifySpec
from core.training.labelled_images import LabelledArrays
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.piece_boards import HalfBoard

FEW = TrainingLength(epochs=0, min_updates=3, max_updates=3, batch=8)
SCHEDULE = replace(QUICK.schedules["quick"], length=FEW, attack_steps=1)
PRESET = replace(QUICK, schedules=dict.fromkeys(("quick", "full"), SCHEDULE))
LABELS = np.arange(80) % 2
IMAGES = np.random.default_rng(1).integers(0, 120, (80, 3, 32, 32)).astype(np.uint8)


@pytest.fixture
def drawn_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learners whose accuracy is drawn from their seed and images, which takes no time."""

    def draw(
        config: LearnerConfig, images: LabelledArrays, test: LabelledArrays, run: RunContext, *, name: str
    ) -> Curve:
        run.progress.advance(config.updates)
        rng = np.random.default_rng((config.seed, config.radius, *images.pixels[0, 0, 0]))
        correct = "".join("01"[int(one)] for one in rng.integers(0, 2, len(test)))
        accuracy = correct.count("1") / len(test)
        return Curve(epoch=(1,), accuracy=(accuracy,), loss=(1.0,), correct=correct, correct_at_peak=correct)

    monkeypatch.setattr(learner_run, "run_learner", draw)


def run_with(
    checkpoints: MemoryCheckpointStore, board: PieceBoard, progress: Progress | None = None, *, cores: int = 1
) -> RunContext:
    return RunContext(
        device=Device("cpu", cores=cores),
        progress=progress or Progress(),
        checkpoints=checkpoints,
        kept_curves=MemoryCheckpointStore(),
        pieces=board,
    )


def with_helper(
    compute: Callable[[RunContext], Any], *, lost: bool = False
) -> tuple[Any, HalfBoard, MemoryCheckpointStore]:
    """What a computation returns whose helper is another process: it sees the checkpoints alone."""
    checkpoints = MemoryCheckpointStore()
    trainer, alone = PieceTrainer(), run_with(checkpoints, NoPieceBoard())
    board = HalfBoard(None if lost else lambda name: trainer.train(name, alone))
    return compute(run_with(checkpoints, board)), board, checkpoints


def quick_evidence(run: RunContext) -> Evidence:
    return evidence(run, amount="quick")


def evidence(run: RunContext, *, amount: str = "full") -> Evidence:
    data = EvaluationData(
        clean=IMAGES, delivered=255 - IMAGES, labels=LABELS, test_mask=np.arange(80) < 16, classes=2, note=None
    )
    return measure_evidence(data, ProtectSpec(evidence=amount, seed=5, evidence_minutes=0), PRESET, run)


def verification(run: RunContext) -> list[VerificationRow]:
    data = VerificationData(
        clean=LabelledArrays(pixels=IMAGES, labels=LABELS, classes=2),
        delivered=255 - IMAGES,
        test=LabelledArrays(pixels=IMAGES[:16] + 1, labels=LABELS[:16], classes=2),
        missing=0,
        protected_label=None,
        percentage=100,
    )
    spec = VerifySpec.parse({"percentages": [50, 100], "seeds": 2, "trainings": [{"radius": 0}]})
    return list(VerificationRunner(data, spec, PRESET, run, amount="quick").run_rows(spec.rows))


@pytest.mark.parametrize("compute", [quick_evidence, verification])
def test_with_a_helper_the_results_are_the_same(compute: Callable[[RunContext], Any]) -> None:
    def rows(found: Any) -> Any:
        return found.rows if isinstance(found, Evidence) else found

    alone = rows(compute(run_with(MemoryCheckpointStore(), NoPieceBoard())))
    helped, board, checkpoints = with_helper(compute)
    assert rows(helped) == alone
    assert len(board.helped) >= len(board.owned) - 2 >= 1
    assert not {*board.helped} & {*board.owned}
    assert all(f"{name}.json" in checkpoints.saved for name in (*board.helped, *board.owned))


@pytest.mark.parametrize("compute", [quick_evidence, verification])
def test_side_by_side_on_several_cores_the_results_are_the_same(compute: Callable[[RunContext], Any]) -> None:
    def found(cores: int) -> tuple[Any, dict[str, bytes]]:
        run = run_with(MemoryCheckpointStore(), NoPieceBoard(), cores=cores)
        result = compute(run)
        assert isinstance(run.checkpoints, MemoryCheckpointStore)
        return result.rows if isinstance(result, Evidence) else result, run.checkpoints.saved

    assert found(2) == found(1)


def test_on_two_cores_two_learners_are_trained_at_a_time_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    both, counted = threading.Barrier(2, timeout=20), list[int]()

    def meet(
        config: LearnerConfig, images: LabelledArrays, test: LabelledArrays, run: RunContext, *, name: str
    ) -> Curve:
        both.wait()
        for _ in range(config.updates):
            run.progress.advance()
        return Curve(epoch=(1,), accuracy=(1.0,), loss=(1.0,))

    monkeypatch.setattr(learner_run, "run_learner", meet)
    progress = Progress(lambda step: counted.append(step.done), interval=0.0)
    learners = [a_learner(f"learner-{number}") for number in range(4)]
    pool = LearnerPool(EvidenceData(unchanged()), run_with(MemoryCheckpointStore(), NoPieceBoard(), progress, cores=2))
    pool.add(learners)
    for learner in learners:
        assert pool.curve(learner).accuracy == (1.0,)
    progress.start("end", 1)
    assert max(counted) == 4


def test_what_a_lost_helper_had_is_trained_by_the_owner(drawn_learners: None) -> None:
    alone = evidence(run_with(MemoryCheckpointStore(), NoPieceBoard()))
    found, board, _ = with_helper(evidence, lost=True)
    assert found.rows == alone.rows
    assert board.helped == []
    assert len(board.owned) == len({*board.owned}) == 2 * 3 * len(alone.rows)


@pytest.mark.parametrize("compute", [evidence, verification])
def test_helpers_begin_with_the_longest_learners(compute: Callable[[RunContext], Any], drawn_learners: None) -> None:
    _, board, checkpoints = with_helper(compute)
    learners = load_learners(checkpoints)
    costs = [learners[name].cost for name in board.offered]
    assert costs == sorted(costs)
    if compute is evidence:
        assert costs[-1] > costs[0]
        assert learners[board.offered[-1]].config.radius > 0


def test_where_the_images_cannot_be_saved_the_owner_goes_on_alone(drawn_learners: None) -> None:
    class FullStore(MemoryCheckpointStore):
        def save(self, name: str, data: bytes) -> None:
            if name.endswith(".npy"):
                raise OSError(28, "No space left on device")
            super().save(name, data)

    board = HalfBoard(None)
    found = evidence(run_with(FullStore(), board))
    assert found.rows == evidence(run_with(MemoryCheckpointStore(), NoPieceBoard())).rows
    assert len(board.owned) == 2 * 3 * len(found.rows)
    assert board.withdrawn == []


def test_progress_counts_what_a_helper_does(drawn_learners: None) -> None:
    steps: list[tuple[int, int]] = []
    progress = Progress(lambda step: steps.append((step.done, step.total)), interval=0.0)
    with_helper(lambda run: evidence(run.with_progress(progress)))
    assert steps[-1][0] == steps[-1][1] > 0
    assert steps == sorted(steps, key=lambda step: step[0])


def test_curves_of_originals_are_kept_for_the_next_job_whoever_measured_them(drawn_learners: None) -> None:
    curves = MemoryCheckpointStore()
    _, board, _ = with_helper(lambda run: evidence(replace(run, kept_curves=curves)))
    before = [name for name in (*board.helped, *board.owned) if "-before" in name]
    assert any("-before" in name for name in board.helped)
    assert len(curves.saved) == len(before)


def test_what_is_no_longer_needed_is_withdrawn() -> None:
    class Over(Exception):
        pass

    def check() -> None:
        raise Over

    board = HalfBoard(None)
    pool = LearnerPool(EvidenceData(unchanged()), run_with(MemoryCheckpointStore(), board))
    learners = [a_learner(f"learner-{number}") for number in range(4)]
    pool.add(learners)
    with pytest.raises(Over):
        pool.curve(learners[0], check=check)
    pool.withdraw(learners)
    assert board.withdrawn == [learner.name for learner in learners]


def test_a_saved_curve_needs_no_time(drawn_learners: None) -> None:
    def check() -> None:
        raise TimeoutError

    run = run_with(MemoryCheckpointStore(), NoPieceBoard())
    measured = LearnerPool(EvidenceData(unchanged()), run).curve(a_learner("one"))
    assert LearnerPool(EvidenceData(unchanged()), run).curve(a_learner("one"), check=check) == measured


def unchanged() -> EvaluationData:
    """Images that are delivered as they were."""
    return EvaluationData(
        clean=IMAGES, delivered=IMAGES, labels=LABELS, test_mask=np.arange(80) < 16, classes=2, note=None
    )


def a_learner(name: str) -> Learner:
    config = LearnerConfig(
        architecture="small", radius=4, countermeasure=None, seed=3, updates=3, schedule=QUICK.schedules["full"]
    )
    return Learner(name=name, config=config, choice=ImageChoice(arm="after", size=32, train_images=40), units=1 / 3)


def test_learners_are_read_as_they_were_saved() -> None:
    checkpoints = MemoryCheckpointStore()
    learners = {name: a_learner(name) for name in ("one", "two")}
    save_learners(checkpoints, list(learners.values()))
    assert load_learners(checkpoints) == learners
    with pytest.raises(KeyError):
        load_learners(MemoryCheckpointStore())


def test_a_helper_trains_nothing_twice(drawn_learners: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The helper that had the piece before may have saved its curve and died before it said so."""
    _, board, checkpoints = with_helper(evidence)
    monkeypatch.setattr(learner_run, "run_learner", None)
    PieceTrainer().train(board.helped[0], run_with(checkpoints, NoPieceBoard()))
    with pytest.raises(KeyError):
        PieceTrainer().train("withdrawn", run_with(checkpoints, NoPieceBoard()))
