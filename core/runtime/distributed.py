"""Several processes that work together, each on its own GPU: torch's process group and the operations that we use.

Every process runs the same program with the same seeds. Each computes its part of a batch, and the sums of all parts
are the same everywhere. Process 0 alone reads, decides and writes (`on_rank_0`). Without a launcher there is no process
group, and every function here returns its input (docs/lab/several-gpus.md).
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
from core.runtime.launcher import check_environment, local_process_count, local_rank, process_count

Result = TypeVar("Result")
PROCESS_GROUP_TIMEOUT = timedelta(hours=1)  # longer than process 0 takes to decode any dataset


@contextmanager
def process_group(device: str | None) -> Iterator[str | None]:
    """Join the launcher's process group, and yield the name of this process's device.

    Without a launcher, and inside another `process_group`, it only yields `device`: the processes of a launcher can
    find each other only once.

    Args:
        device: Cuda, cpu, or None for a GPU if there is one.

    Raises:
        BadInput: There are more processes than GPUs, or `device` names one GPU for several processes.
    """
    check_environment()
    if process_count() == 1 or world_size() > 1:
        yield device
        return
    name = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cuda", "cpu"):
        raise BadInput(f"several processes cannot share {name}: name cuda, and each process takes its own GPU")
    if name == "cuda":
        if torch.cuda.device_count() < local_process_count():
            raise BadInput(
                f"{local_process_count()} processes need as many GPUs, and this machine has {torch.cuda.device_count()}"
            )
        torch.cuda.set_device(local_rank())
        name = f"cuda:{local_rank()}"
    # CPU tensors always go through gloo: files, decisions, noise
    dist.init_process_group("gloo" if name == "cpu" else "cpu:gloo,cuda:nccl", timeout=PROCESS_GROUP_TIMEOUT)
    yield name
    dist.destroy_process_group()  # not after an error: the other processes would not take part


def world_size() -> int:
    """The number of processes; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


def cores_per_process(cores: int) -> int:
    """The share of this machine's cores for each process, at least 1."""
    return max(1, cores // local_process_count()) if world_size() > 1 else cores


def on_rank_0(make: Callable[[], Result]) -> Result:
    """Call a function in process 0, and return its result in all processes.

    Args:
        make: Must not use the process group. Its result can be pickled.
    """
    if world_size() == 1:
        return make()
    made = [make() if rank() == 0 else None]
    dist.broadcast_object_list(made, src=0, device=torch.device("cpu"))
    return made[0]  # type: ignore[return-value]


def broadcast_array(source: int, array: NDArray[np.int8] | None, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Send an array from one process to all.

    Args:
        source: The rank of the process that has the array.
        array: The array in that process; None in the others.
        shape: Its shape, which all processes know.
    """
    tensor = torch.empty(shape, dtype=torch.int8) if array is None else torch.from_numpy(np.ascontiguousarray(array))
    if world_size() > 1:
        dist.broadcast(tensor, src=source)
    return tensor.numpy()


@torch.no_grad()
def broadcast_from_rank_0(tensors: Sequence[Tensor]) -> None:
    """Overwrite `tensors`, all of one type, with those of process 0."""
    _in_one_message(tensors, lambda flat: dist.broadcast(flat, src=0))


@torch.no_grad()
def all_reduce_sum(tensors: Sequence[Tensor]) -> None:
    """Overwrite `tensors`, all of one type, with their sums over all processes."""
    _in_one_message(tensors, dist.all_reduce)


def _in_one_message(tensors: Sequence[Tensor], send: Callable[[Tensor], object]) -> None:
    if world_size() == 1:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    send(flat)
    for tensor, received in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(received.view(tensor.shape))


def all_gather_chunks(own: Sequence[Tensor], rows: Sequence[int]) -> Tensor:
    """Concatenate chunks that the processes made in turn: chunk i by process i modulo `world_size()`.

    Args:
        own: The chunks of this process, in order. A process without a chunk gives any chunk, for the shape and type.
        rows: The number of rows of every chunk of all processes.

    Returns:
        The rows of all chunks, in their order, in every process.
    """
    whole = own[0].new_zeros((sum(rows), *own[0].shape[1:]))
    for chunk, made in zip(whole.split(list(rows))[rank() :: world_size()], own, strict=False):
        chunk.copy_(made)
    all_reduce_sum([whole])
    return whole


class Rank0CheckpointStore:
    """A checkpoint store that process 0 alone reads and writes, so that all processes resume from the same state.

    Args:
        checkpoints: The store of process 0.
    """

    def __init__(self, checkpoints: CheckpointStore) -> None:
        self._checkpoints = checkpoints

    def load(self, name: str) -> bytes | None:
        """The data of a checkpoint of process 0, in all processes; None if it does not exist."""
        return on_rank_0(lambda: self._checkpoints.load(name))

    def save(self, name: str, data: bytes) -> None:
        """Save a checkpoint in process 0; the others do not wait."""
        if rank() == 0:
            self._checkpoints.save(name, data)

    def delete(self, name: str) -> None:
        """Delete a checkpoint in process 0; the others do not wait."""
        if rank() == 0:
            self._checkpoints.delete(name)
