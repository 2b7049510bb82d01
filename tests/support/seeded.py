"""Random numbers for tests: the same from the same seed."""

import torch


def rng(seed: int = 0) -> torch.Generator:
    """A generator on the CPU."""
    return torch.Generator().manual_seed(seed)
