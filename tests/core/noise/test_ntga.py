"""NTGA: what it does to a block, its blocks and their judges, the bound, the seed, and going on after a stop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from core.errors import Cancelled
from core.noise.ntga.attack import dual_of, find_block_noise, ntga_noise, shuffled_blocks, validation_places
from core.noise.ntga.ntk import WideNetwork
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.presets import NTGAConfig
from tests.support.checkpoints import Memory

RECIPE = NTGAConfig(block=8, validation=6, steps=4, step=1.1 / 4)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(n: int, d: int = 12, *, seed: int = 0) -> Tensor:
    return torch.rand(n, d, generator=rng(seed), dtype=torch.float64)


def test_the_whole_objectives_gradient() -> None:
    x, v, y = rows(5).requires_grad_(), rows(3, seed=7), torch.eye(5, dtype=torch.float64)[:, :2]
    assert gradcheck(lambda x: WideNetwork().kernel(v, x) @ dual_of(x, y, time=640.0), (x,))


def two_classes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright above or bright below, under noise; class by class, as an upload comes."""
    draw, labels = np.random.default_rng(0), np.sort(np.arange(n) % 2)
    images = draw.integers(0, 200, (n, 1, 8, 8))
    images[labels == 0, :, :4] += 40
    images[labels == 1, :, 4:] += 40
    return images.astype(np.uint8), labels.astype(np.int64)


def noise_of(
    n: int = 40,
    *,
    chosen: np.ndarray | None = None,
    kept: np.ndarray | None = None,
    seed: int = 0,
    cores: int = 2,
    checkpoints: CheckpointStore | None = None,
    progress: Progress | None = None,
    pixels: np.ndarray | None = None,
) -> np.ndarray:
    images, labels = two_classes(n)
    everything = np.ones(n, dtype=bool)
    return ntga_noise(
        images if pixels is None else pixels,
        labels,
        everything if chosen is None else chosen,
        everything if kept is None else kept,
        2,
        radius=8,
        seed=seed,
        recipe=RECIPE,
        device=Device("cpu", cores=cores),
        progress=progress or Progress(),
        checkpoints=checkpoints or NullCheckpointStore(),
    )


def test_a_network_trained_on_the_block_is_more_wrong_about_others() -> None:
    pixels, labels = two_classes(24)
    x, y = torch.from_numpy(pixels).double() / 255, torch.eye(2, dtype=torch.float64)[torch.from_numpy(labels)]
    block, judges = slice(0, 24, 2), slice(1, 24, 2)
    recipe = replace(RECIPE, steps=10, step=0.11)
    delta = find_block_noise(
        x[block], y[block], x[judges], y[judges], radius=8, recipe=recipe, generator=rng(), tick=lambda: None
    )

    def margin(train: Tensor) -> float:
        """How far the right class is ahead on the others, in the mean."""
        dual = dual_of(train.flatten(1), y[block], time=recipe.time)
        predicted = WideNetwork().kernel(x[judges].flatten(1), train.flatten(1)) @ dual
        return float(((2 * y[judges] - 1) * predicted).sum(1).mean())

    assert delta.abs().max() == pytest.approx(8 / 255)
    assert margin(x[block] + delta) < 0.6 * margin(x[block])


@pytest.mark.parametrize("n", [1, 2, 3, 8, 40])
def test_every_image_has_noise_within_the_radius(n: int) -> None:
    noise, (pixels, _) = noise_of(n), two_classes(n)
    assert noise.shape == pixels.shape
    assert np.abs(noise).max() == 8
    assert (np.abs(noise).reshape(n, -1).mean(1) > 1).all()
    delivered = pixels.astype(int) + noise
    assert (delivered.min(), delivered.max()) >= (0, 0)
    assert delivered.max() <= 255


def test_only_the_chosen_are_touched() -> None:
    chosen = np.arange(20) % 3 == 0
    assert (noise_of(20, chosen=chosen).reshape(20, -1).any(1) == chosen).all()
    assert not noise_of(20, chosen=np.zeros(20, dtype=bool)).any()


def test_what_is_held_out_changes_no_other_noise() -> None:
    kept = np.arange(40) % 5 > 0
    changed = two_classes(40)[0]
    changed[~kept] = 255 - changed[~kept]
    before, after = noise_of(kept=kept), noise_of(kept=kept, pixels=changed)
    assert np.array_equal(before[kept], after[kept])
    assert not np.array_equal(before[~kept], after[~kept])


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_cores() -> None:
    assert np.array_equal(noise_of(cores=1), noise_of(cores=3))
    assert not np.array_equal(noise_of(), noise_of(seed=1))


def test_a_run_that_is_stopped_goes_on_and_ends_with_the_same_bytes() -> None:
    def stop(step: object) -> None:
        if step.done >= 16:
            raise Cancelled

    checkpoints = Memory()
    with pytest.raises(Cancelled):
        noise_of(checkpoints=checkpoints, progress=Progress(stop, interval=0.0))
    assert 0 < len(checkpoints.pieces) < 5
    assert np.array_equal(noise_of(checkpoints=checkpoints), noise_of())


def test_it_can_be_stopped_within_a_block() -> None:
    def stop(step: object) -> None:
        if step.stage == "noise":
            raise Cancelled

    with pytest.raises(Cancelled):
        noise_of(8, progress=Progress(stop, interval=0.0))


def test_blocks_are_shuffled_whole_and_no_larger_than_asked() -> None:
    places = np.arange(100, 130)
    blocks = shuffled_blocks(places, 8, seed=(0,))
    assert [len(block) for block in blocks] == [8, 8, 7, 7]
    assert np.array_equal(np.sort(np.concatenate(blocks)), places)
    assert len(shuffled_blocks(places, 1000, seed=(0,))) == 2
    assert shuffled_blocks(places[:0], 8, seed=(0,)) == []


def test_a_block_is_judged_by_kept_images_outside_it() -> None:
    kept = np.arange(20) % 4 > 0
    block = np.array([1, 2, 3])
    judges = validation_places(kept, block, 6, seed=(0,))
    assert len(set(judges)) == 6
    assert kept[judges].all()
    assert not set(judges) & set(block)
    alone = np.array([True])
    assert validation_places(alone, np.array([0]), 6, seed=(0,)).tolist() == [0]
