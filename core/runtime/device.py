"""Where the science computes, in which numbers, and how many images at once."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from core.errors import BadInput
from core.runtime.distributed import put_together, rank, share_of_cores, size

Result = TypeVar("Result")
CPU_ROWS = 64  # images that keep a core's cache busy and not overflowing (benchmarks/passes.py)


def fast_dtype(device: str) -> torch.dtype:
    """bfloat16 where the device, such as "cpu" or "cuda:0", computes in it natively, else float32."""
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return torch.bfloat16 if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else torch.float32


class Device:
    """A CPU or one GPU. `dtype` is the fastest type that it computes natively. Raises BadInput for one that is missing.

    A CPU works on chunks of a batch, one single-threaded chunk a core: no thread waits for another inside an operation,
    so a core that is taken away for a while costs its share and no more, and the core count changes no result.
    """

    def __init__(self, name: str | None = None, *, cores: int | None = None) -> None:
        self.name = _found(name) if name else "cuda" if torch.cuda.is_available() else "cpu"
        self.dtype = fast_dtype(self.name)
        self.cores = cores or share_of_cores(len(os.sched_getaffinity(0)))
        if self.is_cpu:
            torch.set_num_threads(1)  # ours are the only threads: OpenMP's spin while they wait for a core that is busy
        else:
            torch.backends.cudnn.benchmark = True  # the same few shapes come thousands of times: try what is fastest

    @property
    def is_cpu(self) -> bool:
        """Whether this is the processor itself."""
        return self.name == "cpu"

    @property
    def label(self) -> str:
        """What a reader of the report should know of it."""
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        one = f"CPU, {cores}" if self.is_cpu else torch.cuda.get_device_name(self.name)
        return one if size() == 1 else f"{size()} x {one}"

    def generator(self, *seed: int) -> torch.Generator:
        """Random numbers on this device, drawn from one seed or several that are mixed into one."""
        mixed = 0
        for part in seed:
            mixed = (mixed * 0x9E3779B97F4A7C15 + part + 1) % 2**63
        return torch.Generator(self.name).manual_seed(mixed)

    def autocast(self) -> AbstractContextManager[object]:
        """The context for a training step: `dtype` where that is safe, float32 elsewhere."""
        kind, enabled = self.name.partition(":")[0], self.dtype == torch.bfloat16
        # a recording must not find weights that were converted before it began
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=enabled, cache_enabled=self.is_cpu)

    def in_chunks(
        self,
        work: Callable[..., Tensor],
        *batch: Tensor,
        rows_per_image: int = 1,
        generator: torch.Generator,
        alone: bool = False,
    ) -> Tensor:
        """`work(*part, generator=…)` for parts of a batch, side by side on the cores of a CPU; their results as one.

        Each part draws from a generator of its own, seeded by `generator`, so the core count changes no result. Several
        processes divide the parts among them and all get the whole, unless this one is `alone` with its batch.
        """
        ranks = 1 if alone else size()
        if not self.is_cpu and ranks == 1:
            return work(*batch, generator=generator)
        rows = max(1, CPU_ROWS // rows_per_image) if self.is_cpu else -(-len(batch[0]) // ranks)
        parts = list(zip(*(tensor.split(rows) for tensor in batch), strict=True))
        seeds = torch.randint(2**62, (len(parts),), generator=generator, device=generator.device).tolist()

        def one(seed: int, *part: Tensor) -> Tensor:
            return work(*part, generator=torch.Generator(self.name).manual_seed(seed))

        seeded = [(seed, *part) for seed, part in zip(seeds, parts, strict=True)]
        if ranks == 1:
            return torch.cat(self.side_by_side(one, seeded))
        own = seeded[rank() :: ranks] or seeded[:1]
        return put_together(self.side_by_side(one, own), [len(part[0]) for part in parts])

    def side_by_side(self, work: Callable[..., Result], parts: Sequence[tuple[Any, ...]]) -> list[Result]:
        """`work(*part)` for each part, on the cores of a CPU at once, else one by one; raises what one raises."""
        if not self.is_cpu:
            return [work(*part) for part in parts]
        jobs = [self._pool.submit(work, *part) for part in parts]
        try:
            return [job.result() for job in jobs]
        finally:
            for job in jobs:
                job.cancel()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(
            self.cores, thread_name_prefix="core", initializer=torch.set_num_threads, initargs=(1,)
        )


def _found(name: str) -> str:
    """The device called `name`, as cpu, cuda or cuda:N. Raises BadInput that says what there is instead."""
    try:
        asked = torch.device(name)
    except RuntimeError:
        raise BadInput(f"There is no device “{name}”: name cpu, cuda or cuda:N.") from None
    if asked.type == "cpu":
        return "cpu"
    if asked.type != "cuda":
        raise BadInput(f"Nothing is computed on “{name}” here: name cpu, cuda or cuda:N.")
    if not torch.cuda.is_available():
        raise BadInput(f"There is no GPU for “{name}”, or no driver that PyTorch can use: name cpu, or no device.")
    if asked.index is not None and asked.index >= torch.cuda.device_count():
        raise BadInput(f"There is no “{name}”: the last GPU is cuda:{torch.cuda.device_count() - 1}.")
    return name
