"""The device that computes: its number type, its random numbers, and parallel work on its cores."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from core.errors import BadInput
from core.runtime.distributed import all_gather_chunks, cores_per_process, rank, world_size

Result = TypeVar("Result")
CPU_ROWS = 64  # images in a chunk of a CPU core: they fill its cache and do not overflow it (benchmarks/passes.py)


def fast_dtype(device: str) -> torch.dtype:
    """bfloat16 if the device, such as "cpu" or "cuda:0", computes in it natively, else float32."""
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return torch.bfloat16 if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else torch.float32


class Device:
    """A CPU or one GPU.

    A CPU computes each chunk of a batch by one thread, one chunk on each core. No thread waits for another inside an
    operation, so a core that is busy with other work delays only its own share. The number of cores changes no result.

    Args:
        name: Cpu, cuda or cuda:N; by default a GPU if there is one.
        cores: The number of CPU cores to use; by default all, or this process's share of them.

    Attributes:
        name: As torch names the device.
        dtype: The fastest type that the device computes natively, bfloat16 or float32.
        cores: The number of CPU cores that it uses.

    Raises:
        BadInput: The machine does not have the device.
    """

    def __init__(self, name: str | None = None, *, cores: int | None = None) -> None:
        self.name = _checked_name(name) if name else "cuda" if torch.cuda.is_available() else "cpu"
        self.dtype = fast_dtype(self.name)
        self.cores = cores or cores_per_process(len(os.sched_getaffinity(0)))
        if self.is_cpu:
            torch.set_num_threads(1)  # our own threads suffice, and OpenMP's spin while they wait for a busy core
        else:
            torch.backends.cudnn.benchmark = True  # the same few shapes come thousands of times

    @property
    def is_cpu(self) -> bool:
        """Whether this is the CPU."""
        return self.name == "cpu"

    @property
    def label(self) -> str:
        """The device as reports name it, with the number of processes."""
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        one = f"CPU, {cores}" if self.is_cpu else torch.cuda.get_device_name(self.name)
        return one if world_size() == 1 else f"{world_size()} x {one}"

    def generator(self, *seed: int) -> torch.Generator:
        """A random generator on this device, seeded by one number or by several that are mixed into one."""
        mixed = 0
        for part in seed:
            mixed = (mixed * 0x9E3779B97F4A7C15 + part + 1) % 2**63
        return torch.Generator(self.name).manual_seed(mixed)

    def autocast(self) -> AbstractContextManager[object]:
        """The context of a training step: `dtype` where that is safe, float32 elsewhere."""
        kind, enabled = self.name.partition(":")[0], self.dtype == torch.bfloat16
        # a CUDA graph must not use weights that were converted before its capture
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=enabled, cache_enabled=self.is_cpu)

    def map_chunks(
        self,
        function: Callable[..., Tensor],
        *batch: Tensor,
        rows_per_image: int = 1,
        generator: torch.Generator,
        this_process_only: bool = False,
    ) -> Tensor:
        """Apply a function to the chunks of a batch in parallel.

        Each chunk has its own random generator, seeded by `generator`, so the number of cores changes no result.

        Args:
            function: Called as function(*chunk, generator=...); returns a tensor with a row for each image.
            batch: Tensors of n rows.
            rows_per_image: How many rows the function makes of one image. The more rows, the fewer images a chunk has.
            generator: The source of randomness, on this device.
            this_process_only: Whether the other processes have other batches. By default several processes share the
                chunks, and each gets the whole result.

        Returns:
            The results of all chunks, concatenated.
        """
        ranks = 1 if this_process_only else world_size()
        if not self.is_cpu and ranks == 1:
            return function(*batch, generator=generator)
        rows = max(1, CPU_ROWS // rows_per_image) if self.is_cpu else -(-len(batch[0]) // ranks)
        chunks = list(zip(*(tensor.split(rows) for tensor in batch), strict=True))
        seeds = torch.randint(2**62, (len(chunks),), generator=generator, device=generator.device).tolist()

        def on_chunk(seed: int, *chunk: Tensor) -> Tensor:
            return function(*chunk, generator=torch.Generator(self.name).manual_seed(seed))

        seeded = [(seed, *chunk) for seed, chunk in zip(seeds, chunks, strict=True)]
        if ranks == 1:
            return torch.cat(self.starmap(on_chunk, seeded))
        own = seeded[rank() :: ranks] or seeded[:1]
        return all_gather_chunks(self.starmap(on_chunk, own), [len(chunk[0]) for chunk in chunks])

    def starmap(self, function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]) -> list[Result]:
        """Call a function with each tuple of arguments: in parallel on the cores of a CPU, in turn on a GPU.

        Raises what a call raises, and cancels the calls that have not started.

        Args:
            function: What is called.
            arguments: The arguments of each call.
        """
        if not self.is_cpu:
            return [function(*values) for values in arguments]
        futures = [self._pool.submit(function, *values) for values in arguments]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return computing_threads(self.cores, name="core")


def computing_threads(count: int, *, name: str) -> ThreadPoolExecutor:
    """Threads that compute, each on one core.

    Args:
        count: How many.
        name: Their names begin with it.
    """
    return ThreadPoolExecutor(count, thread_name_prefix=name, initializer=torch.set_num_threads, initargs=(1,))


def _checked_name(name: str) -> str:
    """`name` as cpu, cuda or cuda:N. Raises BadInput that names the devices of this machine."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BadInput(f"There is no device “{name}”: name cpu, cuda or cuda:N.") from None
    if device.type == "cpu":
        return "cpu"
    if device.type != "cuda":
        raise BadInput(f"The device “{name}” is not supported: name cpu, cuda or cuda:N.")
    if not torch.cuda.is_available():
        raise BadInput(f"There is no GPU for “{name}”, or no driver that PyTorch can use: name cpu, or no device.")
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise BadInput(f"There is no “{name}”: the last GPU is cuda:{torch.cuda.device_count() - 1}.")
    return name
