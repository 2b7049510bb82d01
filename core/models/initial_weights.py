"""Random weights of new networks: torch draws them from one generator of the whole process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()


@contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Draw the weights of networks that are made within from a seed; the generator then has the state from before.

    Other threads wait here meanwhile, so that networks that are made side by side get the weights of their own seeds.

    Args:
        seed: Of torch's global generator.
    """
    with _lock, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
