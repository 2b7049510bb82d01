"""Noise made piece by piece, each kept as it comes, so that a broken-off run goes on and ends with the same bytes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.runtime.checkpoints import CheckpointStore, pack, unpack
from core.runtime.distributed import array_of, rank, size
from core.runtime.progress import Progress

Numbered = tuple[int, NDArray[np.int64]]  # a shard's number and the places of its images


def in_shards(
    shape: tuple[int, ...],
    shards: Sequence[NDArray[np.int64]],
    make: Callable[[list[Numbered]], Iterable[NDArray[np.int8]]],
    *,
    at_once: int,
    progress: Progress,
    checkpoints: CheckpointStore,
) -> NDArray[np.int8]:
    """Noise of `shape` (n, c, s, s), zero where no shard is; `make` gives it for up to `at_once` shards.

    A shard's noise must depend on its number and places alone. `make` counts its images in `progress` itself. Several
    processes make so many each at once, and all get all of it; the shelf must be the same for all.
    """
    noise = np.zeros(shape, dtype=np.int8)
    waiting: list[Numbered] = []
    for number, places in enumerate(shards):
        known = checkpoints.load(f"noise-{number}.npy")
        if known is None:
            waiting.append((number, places))
        else:
            noise[places] = unpack(known)
            progress.advance(len(places))
    make = make if size() == 1 else partial(_among_all, make, shape[1:], progress)
    for first in range(0, len(waiting), at_once * size()):
        group = waiting[first : first + at_once * size()]
        for (number, places), made in zip(group, make(group), strict=True):
            noise[places] = made
            checkpoints.save(f"noise-{number}.npy", pack(made))
    return noise


def _among_all(
    make: Callable[[list[Numbered]], Iterable[NDArray[np.int8]]],
    shape: tuple[int, ...],
    progress: Progress,
    group: list[Numbered],
) -> Iterator[NDArray[np.int8]]:
    """The noise of each shard of a group, made by one of the processes."""
    own = list(make(group[rank() :: size()]))
    for place, (_, places) in enumerate(group):
        turn, source = divmod(place, size())
        yield array_of(source, own[turn] if source == rank() else None, (len(places), *shape))
        if source != rank():
            progress.advance(len(places))
