"""A frozen copy of a network for attacks: in eval mode, with batch norm folded into convolutions, and in a fast type.

Projected gradient descent differentiates with respect to the pixels only. Folding and bfloat16 change the function by
no more than rounding, and make a pass about twice as fast as through the network itself (benchmarks/passes.py).
"""

import copy
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from core.runtime.cuda_graphs import GraphedCallable, capture, capture_differentiable

_tracing = threading.Lock()  # what torch.fx replaces it puts back in the order of one trace after the other


class FoldedModel(nn.Module):
    """A frozen copy of a model; `refresh` copies the current weights of the model, which is never changed.

    On a GPU a pass is a CUDA graph (core.runtime.cuda_graphs), so its gradient must be taken before the
    next pass begins.

    Args:
        model: Maps images (n, c, h, w) in [0, 1] to logits (n, classes).
        dtype: The type of the copy's weights and activations.
    """

    def __init__(self, model: nn.Module, *, dtype: torch.dtype) -> None:
        super().__init__()
        folded = copy.deepcopy(model).eval().requires_grad_(False)
        pairs = list(_conv_bn_pairs(folded))
        for conv, norm in pairs:
            _fold(model, folded, conv, norm)
        folded.to(dtype).to(memory_format=torch.channels_last)
        unfolded = _unfolded_tensors(model, folded, {name for pair in pairs for name in pair})
        self._folded = folded
        self._on_gpu = next(folded.parameters(), torch.empty(0)).is_cuda
        # partials hide the model from `parameters()` and `to()`
        self._copy_weights = GraphedCallable(partial(_copy_weights, model, folded, pairs, unfolded), capture=capture)
        self._graphed_forward = GraphedCallable(partial(_logits, folded), capture=capture_differentiable)
        self._latest_pass = object()

    @torch.no_grad()
    def refresh(self) -> "FoldedModel":
        """Copy the current weights and running statistics of the model; returns this copy."""
        self._copy_weights(on_gpu=self._on_gpu)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits.

        Args:
            x: Images (n, c, h, w) in [0, 1].

        Returns:
            Logits (n, classes) in float32. On a GPU their backward pass raises RuntimeError if another differentiable
            forward pass has come in between.
        """
        if not (self._on_gpu and x.requires_grad and torch.is_grad_enabled()):
            return self.forward_without_graph(x)
        logits: Tensor = self._graphed_forward(x, on_gpu=True)
        self._latest_pass = this_pass = object()
        logits.register_hook(lambda _: self._check_latest(this_pass))
        return logits

    def forward_without_graph(self, x: Tensor) -> Tensor:
        """Map images to logits without a CUDA graph, so that several passes can wait for their gradients.

        Args:
            x: Images (n, c, h, w) in [0, 1].
        """
        return _logits(self._folded, x)

    def _check_latest(self, this_pass: object) -> None:
        if this_pass is not self._latest_pass:
            raise RuntimeError("a later pass has overwritten the CUDA graph: take the gradient before the next pass")


def _logits(folded: nn.Module, x: Tensor) -> Tensor:
    logits: Tensor = folded(x)
    return logits


def _copy_weights(
    source: nn.Module, folded: nn.Module, pairs: Sequence[tuple[str, str]], unfolded: Sequence[tuple[Tensor, Tensor]]
) -> None:
    for conv_name, norm_name in pairs:
        weight, bias = _folded_weights(source, conv_name, norm_name)
        target = _conv(folded, conv_name)
        assert target.bias is not None, "`_fold` has set the bias"
        target.weight.copy_(weight)
        target.bias.copy_(bias)
    for original, copied in unfolded:
        copied.copy_(original)


def _conv_bn_pairs(model: nn.Module) -> Iterator[tuple[str, str]]:
    """The names of each convolution and of the batch norm that is the only reader of its output; both are called once.

    The data flow decides, not the order of registration, so a network stays exact if batch norm precedes a convolution
    or if something else reads its output too. If the data flow depends on the input, nothing is folded.
    """
    modules = dict(model.named_modules())
    try:
        with _tracing:
            calls = [node for node in _ThreadTracer().trace(model).nodes if node.op == "call_module"]
    except fx.proxy.TraceError:
        return
    once = {target for target, count in Counter(node.target for node in calls).items() if count == 1}
    for norm in calls:
        conv = norm.args[0]
        if (
            isinstance(modules[norm.target], nn.BatchNorm2d)
            and modules[norm.target].track_running_stats
            and isinstance(conv, fx.Node)
            and conv.op == "call_module"
            and isinstance(modules[conv.target], nn.Conv2d)
            and len(conv.users) == 1
            and {conv.target, norm.target} <= once
        ):
            yield str(conv.target), str(norm.target)


class _ThreadTracer(fx.Tracer):
    """Traces a model while other threads run networks. torch.fx replaces the call of every module meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Record the call of a module by this thread; let other threads call theirs."""
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Record that this thread reads an attribute of a module; let other threads read theirs."""
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


def _conv(model: nn.Module, name: str) -> nn.Conv2d:
    module = model.get_submodule(name)
    assert isinstance(module, nn.Conv2d), "`_conv_bn_pairs` yields convolutions"
    return module


def _folded_weights(model: nn.Module, conv_name: str, norm_name: str) -> tuple[Tensor, Tensor]:
    conv, norm = _conv(model, conv_name), model.get_submodule(norm_name)
    assert isinstance(norm, nn.BatchNorm2d), "`_conv_bn_pairs` yields batch norms"
    assert norm.running_mean is not None, "its statistics are tracked"
    assert norm.running_var is not None, "its statistics are tracked"
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return weight.detach(), bias.detach()


def _fold(source: nn.Module, folded: nn.Module, conv_name: str, norm_name: str) -> None:
    conv = _conv(folded, conv_name)
    weight, bias = _folded_weights(source, conv_name, norm_name)
    conv.weight = nn.Parameter(weight, requires_grad=False)
    conv.bias = nn.Parameter(bias, requires_grad=False)
    folded.set_submodule(norm_name, nn.Identity())


def _unfolded_tensors(source: nn.Module, folded: nn.Module, folded_names: set[str]) -> list[tuple[Tensor, Tensor]]:
    """Pairs of (tensor of the model, tensor of the copy) for all modules that were not folded."""
    originals = {**dict(source.named_parameters()), **dict(source.named_buffers())}
    copies = {**dict(folded.named_parameters()), **dict(folded.named_buffers())}
    return [
        (tensor, copies[name])
        for name, tensor in originals.items()
        if name in copies and name.rpartition(".")[0] not in folded_names and tensor.is_floating_point()
    ]
