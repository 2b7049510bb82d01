"""Noise in shards: each finished shard is saved, so that a resumed run ends with the same bytes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.runtime.checkpoints import array_from_bytes, array_to_bytes
from core.runtime.context import RunContext
from core.runtime.distributed import broadcast_array, rank, world_size
from core.runtime.progress import Progress

SHARD = 1024  # images whose noise is saved together


class Shard(NamedTuple):
    """Images whose noise is made and saved together.

    Attributes:
        number: From 0; names the checkpoint, and is part of the seed.
        indices: int64 (m,), the rows of these images among all.
    """

    number: int
    indices: NDArray[np.int64]


MakeShards = Callable[[list[Shard]], Iterable[NDArray[np.int8]]]
"""The noise of each of some shards, int8 (m, c, s, s), in their order."""


def shards_of(mask: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """The indices of the images that `mask` (n,) chooses, up to SHARD of them in each array."""
    indices = np.flatnonzero(mask)
    return [indices[first : first + SHARD] for first in range(0, len(indices), SHARD)]


def make_in_shards(
    shape: tuple[int, ...],
    shards: Sequence[NDArray[np.int64]],
    make: MakeShards,
    run: RunContext,
    *,
    parallel: int,
) -> NDArray[np.int8]:
    """Make the noise of all shards that no checkpoint has yet.

    Args:
        shape: (n, c, s, s), the shape of all the noise.
        shards: The indices of each shard's images, int64 (m,).
        make: Makes the noise of up to `parallel` shards, and counts their images in the progress. The noise of a shard
            depends on its number and its indices alone. Several processes share the shards, and each gets all the
            noise.
        run: The checkpoints are the same for all processes.
        parallel: How many shards one process makes at a time.

    Returns:
        int8 of `shape`; zero where no shard is.
    """
    noise = np.zeros(shape, dtype=np.int8)
    missing: list[Shard] = []
    for number, indices in enumerate(shards):
        saved = run.checkpoints.load(f"noise-{number}.npy")
        if saved is None:
            missing.append(Shard(number, indices))
        else:
            noise[indices] = array_from_bytes(saved)
            run.progress.advance(len(indices))
    make = make if world_size() == 1 else partial(_make_on_all_ranks, make, shape[1:], run.progress)
    for first in range(0, len(missing), parallel * world_size()):
        group = missing[first : first + parallel * world_size()]
        for shard, made in zip(group, make(group), strict=True):
            noise[shard.indices] = made
            run.checkpoints.save(f"noise-{shard.number}.npy", array_to_bytes(made))
    return noise


def _make_on_all_ranks(
    make: MakeShards, shape: tuple[int, ...], progress: Progress, group: list[Shard]
) -> Iterator[NDArray[np.int8]]:
    """The noise of each shard of a group; the processes take turns at making them."""
    own = list(make(group[rank() :: world_size()]))
    for index, shard in enumerate(group):
        turn, source = divmod(index, world_size())
        yield broadcast_array(source, own[turn] if source == rank() else None, (len(shard.indices), *shape))
        if source != rank():
            progress.advance(len(shard.indices))
