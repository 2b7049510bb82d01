"""The noise network: its bounds, where it starts, and the noise that it predicts."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.attacks.norms import PIXEL
from core.noise.inference import predict_noise
from core.noise.noise_network import NoiseNetwork
from core.noise.optimize import quantize_noise
from core.noise.shards import SHARD
from core.runtime.checkpoints import NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.training.labelled_images import LabelledArrays
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.generator_files import a_model
from tests.support.noise_networks import RADIUS, a_network, some_images


@pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 32), (3, 64), (3, 48), (1, 112)])
def test_the_noise_has_the_shape_of_the_images_and_stays_within_the_radius(channels: int, size: int) -> None:
    surrogate = a_model(channels=channels, size=size) if size in (32, 64) else a_model()
    network, (pixels, labels) = (
        a_network(surrogate, channels=channels, size=size),
        some_images(6, channels=channels, size=size),
    )
    with torch.no_grad():
        network.head.bias.fill_(50.0)  # tanh is 1
        noise = network.eval()(pixels * PIXEL, labels)
    assert noise.shape == pixels.shape
    torch.testing.assert_close(noise, torch.full_like(noise, RADIUS / 255))


def test_a_size_that_is_no_multiple_of_16_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16, not 40"):
        a_network(a_model(), size=40)


def test_each_class_starts_with_its_direction_in_the_surrogates_last_layer() -> None:
    surrogate = a_model()
    rows = surrogate.network.head.weight
    away = torch.nn.functional.normalize(rows - rows.mean(0))
    own = torch.nn.functional.normalize(a_network(surrogate).directions.weight)
    torch.testing.assert_close(own, away)


def test_the_same_seed_makes_the_same_network() -> None:
    surrogate = a_model()
    one, same, other = (a_network(surrogate, seed=seed).head.weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def predicted(network: NoiseNetwork, protect_mask: NDArray[np.bool_], checkpoints: Any = None) -> NDArray[np.int8]:
    pixels, labels = (tensor.numpy() for tensor in some_images(len(protect_mask)))
    images = LabelledArrays(pixels=pixels, labels=labels, classes=3)
    run = RunContext(device=Device("cpu"), checkpoints=checkpoints or NullCheckpointStore())
    return predict_noise(network, images, run, radius=RADIUS, protect_mask=protect_mask)


def test_only_the_images_of_the_mask_get_noise() -> None:
    count = SHARD + 70
    pixels, labels = some_images(count)
    network, protect_mask = a_network(a_model()).eval(), np.arange(count) % 4 != 1
    with torch.no_grad():
        network.head.weight.mul_(100)
    noise = predicted(network, protect_mask)
    assert noise.dtype == np.int8
    assert not noise[~protect_mask].any()
    assert 1 < np.abs(noise[protect_mask].astype(int)).mean() <= RADIUS
    assert np.abs(noise.astype(int)).max() == RADIUS
    delivered = pixels.numpy().astype(int) + noise
    assert delivered.min() >= 0
    assert delivered.max() <= 255
    for place in (
        0,
        2,
        count - 2,
    ):  # as in a batch of its own, up to one pixel unit: sums in other batches round differently
        with torch.no_grad():
            alone = network(pixels[[place]].float() * PIXEL, labels[[place]])
        expected = quantize_noise(alone, pixels[[place]], RADIUS).numpy()[0]
        assert np.abs(expected - noise[place]).max() <= 1


def test_prediction_resumes_from_the_finished_shards() -> None:
    network, protect_mask, checkpoints = (
        a_network(a_model()).eval(),
        np.ones(SHARD + 5, dtype=bool),
        MemoryCheckpointStore(),
    )
    whole = predicted(network, protect_mask, checkpoints)
    checkpoints.delete("noise-1.npy")
    with torch.no_grad():
        network.head.weight.zero_()
    again = predicted(network, protect_mask, checkpoints)
    assert np.array_equal(again[:SHARD], whole[:SHARD])
    assert not np.array_equal(again[SHARD:], whole[SHARD:])
