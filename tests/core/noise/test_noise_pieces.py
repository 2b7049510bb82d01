"""Helpers make shards of noise: its bytes are the same as without them, whatever becomes of a helper."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from core.evaluation.evidence_cases import photograph_cases, small_image_cases
from core.noise import shards
from core.noise.final_search import search_noise
from core.noise.generator_file import GreyscaleInput
from core.noise.inference import predict_noise
from core.noise.noise_pieces import ShardMaker
from core.noise.ntga.attack import ntga_noise
from core.noise.setup import NoiseSetup
from core.noise.shards import shard_number
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.pieces import NoPieceBoard, PieceBoard
from core.runtime.progress import Progress
from core.specs.configs import PGDSearch
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.generator_files import a_model
from tests.support.noise_networks import RADIUS, a_network
from tests.support.piece_boards import HalfBoard

COUNT = 90
SEARCH = PGDSearch(outer_steps=2, outer_step=0.5, samples=2, inner_steps=1, inner_step=0.5)
PRESET = replace(
    QUICK,
    noise={name: replace(config, final=SEARCH) for name, config in QUICK.noise.items()},
    ntga=replace(QUICK.ntga, block_size=20, validation_images=30, steps=2, step=0.5),
)
LABELS = (np.arange(COUNT) % 3).astype(np.int64)
PROTECTED = np.arange(COUNT) % 9 != 4
TRAINED = np.arange(COUNT) % 5 != 0


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD", 15)


def images(channels: int = 3) -> LabelledArrays:
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, channels, 32, 32)).astype(np.uint8)
    return LabelledArrays(pixels=pixels, labels=LABELS, classes=3)


def searched(run: RunContext, surrogate: nn.Module | None = None, *, method: str = "rem") -> NDArray[np.int8]:
    channels = 1 if isinstance(surrogate, GreyscaleInput) else 3
    setup = NoiseSetup(spec=ProtectSpec(method=method, seed=3), preset=PRESET)
    return search_noise(surrogate or a_model(), images(channels), setup, run, protect_mask=PROTECTED)


def searched_with_a_colour_surrogate(run: RunContext) -> NDArray[np.int8]:
    return searched(run, GreyscaleInput(a_model(), 3).eval(), method="em")


def predicted(run: RunContext) -> NDArray[np.int8]:
    return predict_noise(a_network(a_model()), images(), run, radius=RADIUS, protect_mask=PROTECTED)


def blocks(run: RunContext) -> NDArray[np.int8]:
    setup = NoiseSetup(spec=ProtectSpec(method="ntga", seed=3), preset=PRESET)
    return ntga_noise(images(), setup, run, protect_mask=PROTECTED, train_mask=TRAINED)


def run_with(
    checkpoints: MemoryCheckpointStore, board: PieceBoard, progress: Progress | None = None, *, cores: int = 1
) -> RunContext:
    return RunContext(
        device=Device("cpu", cores=cores), progress=progress or Progress(), checkpoints=checkpoints, pieces=board
    )


Compute = Callable[[RunContext], NDArray[np.int8]]


def alone(compute: Compute) -> NDArray[np.int8]:
    return compute(run_with(MemoryCheckpointStore(), NoPieceBoard()))


def with_helper(
    compute: Compute, checkpoints: MemoryCheckpointStore, progress: Progress | None = None, *, lost: bool = False
) -> tuple[NDArray[np.int8], HalfBoard]:
    """What a computation returns whose helper is another process: it sees the checkpoints alone."""
    maker, helper = ShardMaker(), run_with(checkpoints, NoPieceBoard(), cores=2)
    board = HalfBoard(None if lost else lambda name: maker.make(name, helper))
    return compute(run_with(checkpoints, board, progress)), board


@pytest.mark.parametrize("compute", [searched, searched_with_a_colour_surrogate, predicted, blocks])
def test_with_a_helper_the_bytes_are_the_same(compute: Compute) -> None:
    checkpoints = MemoryCheckpointStore()
    noise, board = with_helper(compute, checkpoints)
    assert np.array_equal(noise, alone(compute))
    assert np.abs(noise).max() > 0
    assert len(board.helped) >= len(board.owned) - 2 >= 1
    assert not {*board.helped} & {*board.owned}
    assert {f"{name}.npy" for name in (*board.helped, *board.owned)} == {
        name for name in checkpoints.saved if shard_number(name.removesuffix(".npy")) is not None
    }


def test_what_a_lost_helper_had_is_made_by_the_owner() -> None:
    noise, board = with_helper(searched, MemoryCheckpointStore(), lost=True)
    assert np.array_equal(noise, alone(searched))
    assert board.helped == []
    assert len(board.owned) == len({*board.owned}) == 6


def test_the_next_attempt_makes_nothing_again_that_a_helper_made() -> None:
    """The owner of the first attempt dies while its helper goes on."""

    class Killed(Exception):
        pass

    def die(step: Any) -> None:
        if step.done >= 30:  # that of the first shard is saved
            raise Killed

    checkpoints, maker = MemoryCheckpointStore(), ShardMaker()
    with pytest.raises(Killed):
        with_helper(searched, checkpoints, Progress(die, interval=0.0), lost=True)
    maker.make("noise-5", run_with(checkpoints, NoPieceBoard()))
    noise, board = with_helper(searched, checkpoints)
    assert np.array_equal(noise, alone(searched))
    assert not {"noise-0", "noise-5"} & {*board.owned, *board.helped}


def test_a_helper_makes_nothing_twice_and_nothing_that_was_withdrawn() -> None:
    checkpoints = MemoryCheckpointStore()
    _, board = with_helper(predicted, checkpoints)
    done = dict(checkpoints.saved)
    late, run = ShardMaker(), run_with(checkpoints, NoPieceBoard())
    late.make(board.owned[0], run)
    assert checkpoints.saved == done
    checkpoints.delete(f"{board.owned[0]}.npy")
    for name in (board.owned[0], "curve-small-None-0-None-after"):  # the images are gone, and it is no shard
        with pytest.raises(KeyError):
            late.make(name, run)


def test_after_the_noise_the_images_for_helpers_are_deleted() -> None:
    checkpoints = MemoryCheckpointStore()
    with_helper(blocks, checkpoints)
    assert not [name for name in checkpoints.saved if "pixels" in name or "array" in name]


def test_where_the_images_cannot_be_saved_the_owner_goes_on_alone() -> None:
    class FullStore(MemoryCheckpointStore):
        def save(self, name: str, data: bytes) -> None:
            if "pixels" in name:
                raise OSError(28, "No space left on device")
            super().save(name, data)

    noise, board = with_helper(searched, FullStore())
    assert np.array_equal(noise, alone(searched))
    assert len(board.owned) == 6


def test_progress_counts_what_a_helper_does() -> None:
    steps: list[tuple[int, int]] = []
    progress = Progress(lambda step: steps.append((step.done, step.total)), interval=0.0)
    with_helper(searched, MemoryCheckpointStore(), progress)
    assert steps[-1] == (PROTECTED.sum(), PROTECTED.sum())
    assert [done for done, total in steps if total] == sorted(done for done, total in steps if total)


def test_a_network_that_nothing_describes_is_not_offered() -> None:
    board = HalfBoard(None)
    with pytest.raises(TypeError, match="no description"):
        searched(run_with(MemoryCheckpointStore(), board), nn.Sequential(nn.Flatten(), nn.Linear(3072, 3)))


def test_no_learner_of_the_evidence_is_taken_for_a_shard() -> None:
    cases = [
        *small_image_cases("full", 4, learner="small"),
        *photograph_cases("full", 4, learner="small", has_pretrained=True),
    ]
    assert all(shard_number(case.key) is None for case in cases)
    assert [shard_number(name) for name in ("noise-7", "noise-", "noise-7-after", "curve-7")] == [7, None, None, None]
