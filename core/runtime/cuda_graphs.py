"""CUDA graphs: what a GPU is asked for again and again is recorded once, and replayed by one call in place of hundreds.

With batches of 128 the processor needs longer to ask for a pass of ResNet-18 than the GPU to compute it: an H100 waited
60 % of the time (docs/lab/gpu.md). A recording has its tensors at fixed addresses, so what it returns is good
until its next call, and the weights that it reads must be changed where they are.
"""

import gc
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from core.runtime.distributed import size

Work = Callable[..., Any]

SELDOM = 3  # calls with tensors of the same shapes that are not worth a recording, which costs as much as some dozen
MOST = 4  # recordings of one piece of work: each keeps the memory that it works in


class GraphedCallable:
    """`work`, a function of tensors on a GPU, recorded by `record` for each of the shapes that come often.

    Where no more is kept, on a CPU, and among several processes, it is called as it is. `work` must not hold whoever
    holds this: what goes by garbage collection alone may go while something else is recorded, and CUDA allows nothing
    to be freed then.
    """

    def __init__(self, work: Work, *, record: Callable[[Work, tuple[Tensor, ...]], Work]) -> None:
        self._work, self._record = work, record
        self._calls: Counter[object] = Counter()
        self._recordings: dict[object, Work] = {}

    def __call__(self, *inputs: Tensor, on_gpu: bool) -> Any:
        """What `work` makes of the inputs."""
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in inputs)
        if on_gpu and shapes not in self._recordings and size() == 1:
            self._calls[shapes] += 1
            if self._calls[shapes] > SELDOM and len(self._recordings) < MOST:
                gc.collect()
                self._recordings[shapes] = self._record(self._work, inputs)
        return self._recordings.get(shapes, self._work)(*inputs)


def whole(work: Work, inputs: tuple[Tensor, ...]) -> Work:
    """Record all that `work` does, gradients that it takes by itself included."""
    own = tuple(tensor.clone() for tensor in inputs)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = work(*own)

    def replay(*inputs: Tensor) -> Any:
        for static, given in zip(own, inputs, strict=True):
            static.copy_(given)
        graph.replay()
        return out

    return replay


def differentiable(work: Work, inputs: tuple[Tensor, ...]) -> Work:
    """Record `work` and, apart from it, its gradient by the inputs."""
    own = tuple(tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in inputs)
    with warnings.catch_warnings():
        # torch 2.11 tries the work on one stream and records it on another; it waits for the first before
        warnings.filterwarnings("ignore", message="The AccumulateGrad node's stream does not match")
        recorded: Work = torch.cuda.make_graphed_callables(work, own)
    return recorded
