"""CUDA graphs: a GPU captures a sequence of operations once, and replays it by one call in place of hundreds.

With batches of 128 the CPU takes longer to launch a pass of ResNet-18 than the GPU to compute it: an H100 waited 60 %
of the time (docs/lab/gpu.md). The tensors of a graph have fixed addresses. So its result is valid until the next call,
and the weights that it reads must be changed in place.
"""

import gc
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from core.runtime.distributed import world_size

Function = Callable[..., Any]
Capture = Callable[[Function, tuple[Tensor, ...]], Function]
"""A function of tensors and example inputs to a function that replays it."""

CALLS_BEFORE_CAPTURE = 3  # calls with inputs of one shape; a capture costs as much as some dozen calls
MAX_GRAPHS = 4  # for one function: each graph keeps its working memory


class GraphedCallable:
    """A function of tensors on a GPU that is captured as a CUDA graph for each input shape that comes often.

    On a CPU, among several processes, and after MAX_GRAPHS shapes the function is called as it is.

    Args:
        function: Must not reference the owner of this object: garbage collection during another capture would free CUDA
            memory, which CUDA forbids.
        capture: `capture` or `capture_differentiable`.
    """

    def __init__(self, function: Function, *, capture: Capture) -> None:
        self._function, self._capture = function, capture
        self._calls: Counter[object] = Counter()
        self._graphs: dict[object, Function] = {}

    def __call__(self, *inputs: Tensor, on_gpu: bool) -> Any:
        """Call the function; `on_gpu` says whether the inputs are on a GPU, even if there are no inputs."""
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in inputs)
        if on_gpu and shapes not in self._graphs and world_size() == 1:
            self._calls[shapes] += 1
            if self._calls[shapes] > CALLS_BEFORE_CAPTURE and len(self._graphs) < MAX_GRAPHS:
                gc.collect()
                self._graphs[shapes] = self._capture(self._function, inputs)
        return self._graphs.get(shapes, self._function)(*inputs)


def capture(function: Function, inputs: tuple[Tensor, ...]) -> Function:
    """Capture everything that a function does, including gradients that it computes itself.

    Args:
        function: Maps tensors to tensors, with the same operations each time.
        inputs: Tensors of the shapes and types of every later call.
    """
    static_inputs = tuple(tensor.clone() for tensor in inputs)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = function(*static_inputs)

    def replay(*inputs: Tensor) -> Any:
        for static, given in zip(static_inputs, inputs, strict=True):
            static.copy_(given)
        graph.replay()
        return out

    return replay


def capture_differentiable(function: Function, inputs: tuple[Tensor, ...]) -> Function:
    """Capture a function and, as a second graph, its gradient with respect to the inputs.

    Args:
        function: Maps tensors to a tensor, with the same operations each time.
        inputs: Tensors of the shapes and types of every later call; those that require a gradient get one.
    """
    examples = tuple(tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in inputs)
    with warnings.catch_warnings():
        # torch 2.11 warms up on one stream and captures on another; it waits for the first stream before
        warnings.filterwarnings("ignore", message="The AccumulateGrad node's stream does not match")
        graphed: Function = torch.cuda.make_graphed_callables(function, examples)
    return graphed
