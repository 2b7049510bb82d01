"""NTGA: the noise of a block, blocks and their validation images, the bound, the seed, and resuming."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from core.errors import Cancelled
from core.noise.ntga.attack import (
    OneHotImages,
    ntga_noise,
    search_block_noise,
    trained_coefficients,
)
from core.noise.ntga.blocks import shuffled_blocks, validation_indices
from core.noise.ntga.ntk import WideNetwork
from core.noise.setup import NoiseSetup
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.configs import NTGAConfig
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.seeded import rng

CONFIG = NTGAConfig(block_size=8, validation_images=6, steps=4, step=1.1 / 4)


def rows(n: int, d: int = 12, *, seed: int = 0) -> Tensor:
    return torch.rand(n, d, generator=rng(seed), dtype=torch.float64)


def test_the_whole_objectives_gradient() -> None:
    x, v, y = rows(5).requires_grad_(), rows(3, seed=7), torch.eye(5, dtype=torch.float64)[:, :2]
    assert gradcheck(lambda x: WideNetwork().kernel(v, x) @ trained_coefficients(x, y, time=640.0), (x,))


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
    protect_mask: np.ndarray | None = None,
    train_mask: np.ndarray | None = None,
    seed: int = 0,
    cores: int = 2,
    checkpoints: CheckpointStore | None = None,
    progress: Progress | None = None,
    pixels: np.ndarray | None = None,
) -> np.ndarray:
    images, labels = two_classes(n)
    everything = np.ones(n, dtype=bool)
    return ntga_noise(
        LabelledArrays(pixels=images if pixels is None else pixels, labels=labels, classes=2),
        NoiseSetup(spec=ProtectSpec(method="ntga", radius_u=8, seed=seed), preset=replace(QUICK, ntga=CONFIG)),
        RunContext(
            device=Device("cpu", cores=cores),
            progress=progress or Progress(),
            checkpoints=checkpoints or NullCheckpointStore(),
        ),
        protect_mask=everything if protect_mask is None else protect_mask,
        train_mask=everything if train_mask is None else train_mask,
    )


def test_a_network_trained_on_the_block_is_more_wrong_about_others() -> None:
    pixels, labels = two_classes(24)
    x, y = torch.from_numpy(pixels).double() / 255, torch.eye(2, dtype=torch.float64)[torch.from_numpy(labels)]
    block, others = slice(0, 24, 2), slice(1, 24, 2)
    config = replace(CONFIG, steps=10, step=0.11)
    delta = search_block_noise(
        OneHotImages(x=x[block], y=y[block]),
        OneHotImages(x=x[others], y=y[others]),
        radius=8,
        config=config,
        generator=rng(),
        tick=lambda: None,
    )

    def margin(train: Tensor) -> float:
        """How far the right class is ahead on the others, in the mean."""
        dual = trained_coefficients(train.flatten(1), y[block], time=config.time)
        predicted = WideNetwork().kernel(x[others].flatten(1), train.flatten(1)) @ dual
        return float(((2 * y[others] - 1) * predicted).sum(1).mean())

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


def test_only_the_images_of_the_mask_get_noise() -> None:
    protect_mask = np.arange(20) % 3 == 0
    assert (noise_of(20, protect_mask=protect_mask).reshape(20, -1).any(1) == protect_mask).all()
    assert not noise_of(20, protect_mask=np.zeros(20, dtype=bool)).any()


def test_test_images_do_not_change_other_noise() -> None:
    train_mask = np.arange(40) % 5 > 0
    changed = two_classes(40)[0]
    changed[~train_mask] = 255 - changed[~train_mask]
    before, after = noise_of(train_mask=train_mask), noise_of(train_mask=train_mask, pixels=changed)
    assert np.array_equal(before[train_mask], after[train_mask])
    assert not np.array_equal(before[~train_mask], after[~train_mask])


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_cores() -> None:
    assert np.array_equal(noise_of(cores=1), noise_of(cores=3))
    assert not np.array_equal(noise_of(), noise_of(seed=1))


def test_a_cancelled_run_resumes_to_the_same_bytes() -> None:
    def stop(step: object) -> None:
        if step.done >= 16:
            raise Cancelled

    checkpoints = MemoryCheckpointStore()
    with pytest.raises(Cancelled):
        noise_of(checkpoints=checkpoints, progress=Progress(stop, interval=0.0))
    assert 0 < len(checkpoints.saved) < 5
    assert np.array_equal(noise_of(checkpoints=checkpoints), noise_of())


def test_it_can_be_stopped_within_a_block() -> None:
    def stop(step: object) -> None:
        if step.stage == "noise":
            raise Cancelled

    with pytest.raises(Cancelled):
        noise_of(8, progress=Progress(stop, interval=0.0))


def test_blocks_are_shuffled_whole_and_no_larger_than_requested() -> None:
    indices = np.arange(100, 130)
    blocks = shuffled_blocks(indices, 8, seed=(0,))
    assert [len(block) for block in blocks] == [8, 8, 7, 7]
    assert np.array_equal(np.sort(np.concatenate(blocks)), indices)
    assert len(shuffled_blocks(indices, 1000, seed=(0,))) == 2
    assert shuffled_blocks(indices[:0], 8, seed=(0,)) == []


def test_validation_images_are_training_images_outside_the_block() -> None:
    train_mask = np.arange(20) % 4 > 0
    block = np.array([1, 2, 3])
    others = validation_indices(train_mask, block, 6, seed=(0,))
    assert len(set(others)) == 6
    assert train_mask[others].all()
    assert not set(others) & set(block)
    alone = np.array([True])
    assert validation_indices(alone, np.array([0]), 6, seed=(0,)).tolist() == [0]
