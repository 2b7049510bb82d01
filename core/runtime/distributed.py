"""Several processes at one piece of work, each on a GPU of its own: torch's process group, and what is asked of it.

Every process runs the same program on the same seeds; each takes its part of a batch, and what they add up is the same
for all. Process 0 alone reads, decides and writes (`on_rank_0`). Without a launcher there is no process group, and
everything here is the identity (docs/lab/several-gpus.md).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from core.errors import BadInput
from core.runtime.checkpoints import CheckpointStore
from core.runtime.launcher import check_launcher, local_processes, local_rank, processes

Result = TypeVar("Result")
PATIENCE = timedelta(hours=1)  # for a process that neither comes nor ends; longer than process 0 decodes any dataset


@contextmanager
def joined(device: str | None) -> Iterator[str | None]:
    """Take part in the launcher's process group; yields the name of this process's device.

    `device` is cuda, cpu, or None for a GPU if there is one. Without a launcher it is yielded as it is, and nothing
    happens; nor does anything inside another `joined`, as a launcher's processes find each other only once. Raises
    BadInput for a number of processes that the machine has not the GPUs for.
    """
    check_launcher()
    if processes() == 1 or size() > 1:
        yield device
        return
    name = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cuda", "cpu"):
        raise BadInput(f"each process takes the GPU of its own number: with several, {name} cannot be had")
    if name == "cuda":
        if torch.cuda.device_count() < local_processes():
            raise BadInput(f"{torch.cuda.device_count()} GPUs are no work for {local_processes()} processes")
        torch.cuda.set_device(local_rank())
        name = f"cuda:{local_rank()}"
    # what lies on the CPU always goes through gloo: files, decisions, noise
    dist.init_process_group("gloo" if name == "cpu" else "cpu:gloo,cuda:nccl", timeout=PATIENCE)
    yield name
    dist.destroy_process_group()  # at a clean end only: after an error nobody is there to end it with


def size() -> int:
    """How many processes are at it; 1 where there is no group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if size() > 1 else 0


def share_of_cores(cores: int) -> int:
    """How many of a machine's cores one process takes."""
    return max(1, cores // local_processes()) if size() > 1 else cores


def on_rank_0(make: Callable[[], Result]) -> Result:
    """What process 0 makes, for all; the others wait for it. `make` must not ask anything of the group."""
    if size() == 1:
        return make()
    made = [make() if rank() == 0 else None]
    dist.broadcast_object_list(made, src=0, device=torch.device("cpu"))
    return made[0]  # type: ignore[return-value]


def array_of(source: int, array: NDArray[np.int8] | None, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """The array that process `source` has, of a shape that all know."""
    tensor = torch.empty(shape, dtype=torch.int8) if array is None else torch.from_numpy(np.ascontiguousarray(array))
    if size() > 1:
        dist.broadcast(tensor, src=source)
    return tensor.numpy()


@torch.no_grad()
def same_as_on_rank_0(tensors: Sequence[Tensor]) -> None:
    """Overwrite `tensors`, which are of one type, with those of process 0."""
    _as_one(tensors, lambda flat: dist.broadcast(flat, src=0))


@torch.no_grad()
def add_up(tensors: Sequence[Tensor]) -> None:
    """Overwrite `tensors`, which are of one type, with their sums over all processes."""
    _as_one(tensors, dist.all_reduce)


def _as_one(tensors: Sequence[Tensor], send: Callable[[Tensor], object]) -> None:
    if size() == 1:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    send(flat)
    for tensor, received in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(received.view(tensor.shape))


def put_together(made: Sequence[Tensor], rows: Sequence[int]) -> Tensor:
    """One tensor of pieces of so many rows: this process made every size()-th from the rank()-th on.

    A process that made none gives any piece instead: its shape and type are those of all.
    """
    whole = made[0].new_zeros((sum(rows), *made[0].shape[1:]))
    for piece, own in zip(whole.split(list(rows))[rank() :: size()], made, strict=False):
        piece.copy_(own)
    add_up([whole])
    return whole


class Rank0CheckpointStore:
    """A shelf that process 0 alone reads and writes (core.runtime.checkpoints.Shelf): all go on from the same
    piece, or none does."""

    def __init__(self, checkpoints: CheckpointStore) -> None:
        self._shelf = checkpoints

    def load(self, name: str) -> bytes | None:
        """The piece called `name` that process 0 finds, or None."""
        return on_rank_0(lambda: self._shelf.load(name))

    def save(self, name: str, data: bytes) -> None:
        """Keep a piece; the others go on at once."""
        if rank() == 0:
            self._shelf.save(name, data)

    def drop(self, name: str) -> None:
        """Forget a piece; the others go on at once."""
        if rank() == 0:
            self._shelf.drop(name)
