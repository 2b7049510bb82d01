"""Networks that are made side by side have the weights of their seeds."""

import threading
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

from core.models.initial_weights import seeded_weights


def weights(seed: int) -> Tensor:
    with seeded_weights(seed):
        return nn.Sequential(*(nn.Linear(40, 40) for _ in range(20)))[-1].weight.detach()


def test_networks_that_are_made_side_by_side_have_the_weights_of_their_seeds() -> None:
    expected = [weights(seed) for seed in range(8)]
    begin = threading.Barrier(4, timeout=10)

    def make(seed: int) -> Tensor:
        begin.wait()
        return weights(seed)

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(make, range(8)))
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


def test_the_global_generator_keeps_its_state() -> None:
    before = torch.get_rng_state()
    weights(5)
    assert torch.equal(torch.get_rng_state(), before)
