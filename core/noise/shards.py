"""Noise in shards: each finished shard is saved, so that a resumed run ends with the same bytes.

Helpers make shards too (`core.runtime.pieces`): the owner takes them from the beginning, helpers from the end.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from core.runtime.checkpoints import CheckpointStore, array_from_bytes, array_to_bytes
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.distributed import broadcast_array, rank, world_size
from core.runtime.piece_offers import PieceOffers

SHARD = 1024  # images whose noise is saved together


class Shard(NamedTuple):
    """Images whose noise is made and saved together.

    Attributes:
        number: From 0; names the checkpoint, and is part of the seed.
        indices: int64 (m,), the rows of these images among all.
    """

    number: int
    indices: NDArray[np.int64]

    @property
    def name(self) -> str:
        """Its name as a piece, and of its noise among the checkpoints."""
        return f"noise-{self.number}"


class NoiseMaker(Protocol):
    """Makes the noise of some images. That of a shard depends on its number and on what `save` saves, on nothing else.

    Attributes:
        shape: (n, c, s, s), the shape of all the noise.
        shards: The indices of each shard's images, int64 (m,).
    """

    shape: tuple[int, ...]
    shards: list[NDArray[np.int64]]

    def parallel(self, device: Device) -> int:
        """How many shards one process makes at a time."""
        ...

    def make(self, group: list[Shard], run: RunContext) -> Iterable[NDArray[np.int8]]:
        """The noise of up to `parallel` shards, int8 (m, c, s, s), in their order; the progress counts images."""
        ...

    def save(self, checkpoints: CheckpointStore) -> None:
        """Save all that `core.noise.noise_pieces` needs to make shards in another process."""
        ...

    def delete_images(self, checkpoints: CheckpointStore) -> None:
        """Delete the images of that."""
        ...


def shards_of(mask: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """The indices of the images that `mask` (n,) chooses, up to SHARD of them in each array."""
    indices = np.flatnonzero(mask)
    return [indices[first : first + SHARD] for first in range(0, len(indices), SHARD)]


def shard_number(name: str) -> int | None:
    """The number of the shard that is a piece of this name; None for other pieces."""
    found = re.fullmatch(r"noise-(\d+)", name)
    return None if found is None else int(found[1])


def load_shard(name: str, checkpoints: CheckpointStore) -> NDArray[np.int8] | None:
    """The noise that was saved for the shard of this name, int8 (m, c, s, s), or None."""
    saved = checkpoints.load(f"{name}.npy")
    return None if saved is None else array_from_bytes(saved)


def save_shard(name: str, noise: NDArray[np.int8], checkpoints: CheckpointStore) -> None:
    """Save the noise of the shard of this name, int8 (m, c, s, s)."""
    checkpoints.save(f"{name}.npy", array_to_bytes(noise))


def make_in_shards(maker: NoiseMaker, run: RunContext) -> NDArray[np.int8]:
    """Make the noise of all shards that no checkpoint has yet.

    Several processes of a launcher share the shards, and each gets all the noise.

    Args:
        maker: Makes the noise.
        run: The checkpoints are the same for all processes; its board offers shards to helpers.

    Returns:
        int8 of the maker's shape; zero where no shard is.
    """
    noise = np.zeros(maker.shape, dtype=np.int8)
    missing: list[Shard] = []
    for number, indices in enumerate(maker.shards):
        shard = Shard(number, indices)
        saved = load_shard(shard.name, run.checkpoints)
        if saved is None:
            missing.append(shard)
        else:
            noise[indices] = saved
            run.progress.advance(len(indices))
    make = _make_with_helpers if world_size() == 1 else _make_on_all_ranks
    for shard, made in make(maker, missing, run):
        noise[shard.indices] = made
    return noise


Made = Iterator[tuple[Shard, NDArray[np.int8]]]


def _make_with_helpers(maker: NoiseMaker, missing: list[Shard], run: RunContext) -> Made:
    """The noise of shards, in the order in which it is there."""
    offers, parallel = PieceOffers(run.pieces), maker.parallel(run.device)
    waiting = {shard.name: shard for shard in missing}
    while waiting:
        offers.publish(list(waiting)[parallel:], lambda _: maker.save(run.checkpoints))
        taken = [waiting.pop(name) for name in offers.take(list(waiting), max_count=parallel)]
        if not taken:
            offers.wait(run.progress)
        group = []
        for shard in taken:
            saved = load_shard(shard.name, run.checkpoints)  # by a helper, of this attempt or of one before
            if saved is None:
                group.append(shard)
            else:
                run.progress.advance(len(saved))
                yield shard, saved
        for shard, made in zip(group, maker.make(group, run) if group else (), strict=True):
            save_shard(shard.name, made, run.checkpoints)
            yield shard, made
    if offers.names:
        maker.delete_images(run.checkpoints)


def _make_on_all_ranks(maker: NoiseMaker, missing: list[Shard], run: RunContext) -> Made:
    """The noise of each shard; the processes take turns at making them."""
    parallel = maker.parallel(run.device) * world_size()
    for first in range(0, len(missing), parallel):
        group = missing[first : first + parallel]
        own = list(maker.make(group[rank() :: world_size()], run))
        for index, shard in enumerate(group):
            turn, source = divmod(index, world_size())
            made = own[turn] if source == rank() else None
            made = broadcast_array(source, made, (len(shard.indices), *maker.shape[1:]))
            save_shard(shard.name, made, run.checkpoints)
            if source != rank():
                run.progress.advance(len(shard.indices))
            yield shard, made
