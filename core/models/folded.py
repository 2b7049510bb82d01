"""A network as an attacker needs it: eval mode, fixed weights, batch norm folded into convolutions, bf16 where fast.

Projected gradient descent differentiates by the pixels only. Folding and bf16 leave the function the same up to
rounding and make such a pass about twice as fast as through the trained network (benchmarks/passes.py).
"""

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from core.runtime.cuda_graphs import GraphedCallable, differentiable, whole


class FoldedModel(nn.Module):
    """A frozen copy of `model`; `refresh` takes over the weights it has by then. Never touches the model itself.

    Made while no other thread runs a network: torch.fx replaces the call of every module while it traces one. On a GPU
    passes are recorded (`core.runtime.cuda_graphs`), so the gradient of one has to be taken before the next one begins.
    """

    def __init__(self, model: nn.Module, *, dtype: torch.dtype) -> None:
        super().__init__()
        folded = copy.deepcopy(model).eval().requires_grad_(False)
        pairs = list(_conv_bn_pairs(folded))
        for conv, norm in pairs:
            _fold(model, folded, conv, norm)
        folded.to(dtype).to(memory_format=torch.channels_last)
        plain = _unfolded_parameters(model, folded, {name for pair in pairs for name in pair})
        self._folded = folded
        self._on_gpu = next(folded.parameters(), torch.empty(0)).is_cuda
        # partials hide the original from `parameters()` and `to()`
        self._take_over = GraphedCallable(partial(_take_over, model, folded, pairs, plain), record=whole)
        self._by_pixels = GraphedCallable(partial(_logits, folded), record=differentiable)
        self._latest = object()

    @torch.no_grad()
    def refresh(self) -> "FoldedModel":
        """Take over the model's present weights and running statistics."""
        self._take_over(on_gpu=self._on_gpu)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes) in float32 for images (n, c, h, w) in [0, 1].

        On a GPU its gradient raises RuntimeError where another pass that will have one came between.
        """
        if not (self._on_gpu and x.requires_grad and torch.is_grad_enabled()):
            return self.unrecorded(x)
        logits: Tensor = self._by_pixels(x, on_gpu=True)
        self._latest = this = object()
        logits.register_hook(lambda _: self._check(this))
        return logits

    def unrecorded(self, x: Tensor) -> Tensor:
        """The same, and as many passes at once as you like."""
        return _logits(self._folded, x)

    def _check(self, this: object) -> None:
        if this is not self._latest:
            raise RuntimeError("the recording of this pass holds another one by now: take the gradient before the next")


def _logits(folded: nn.Module, x: Tensor) -> Tensor:
    found: Tensor = folded(x)
    return found


def _take_over(
    source: nn.Module, folded: nn.Module, pairs: Sequence[tuple[str, str]], plain: Sequence[tuple[Tensor, Tensor]]
) -> None:
    for conv_name, norm_name in pairs:
        weight, bias = _folded_weights(source, conv_name, norm_name)
        target = _conv(folded, conv_name)
        assert target.bias is not None, "folding gave it one"
        target.weight.copy_(weight)
        target.bias.copy_(bias)
    for theirs, ours in plain:
        ours.copy_(theirs)


def _conv_bn_pairs(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of each convolution and the batch norm that alone receives its output, each of them called once.

    The data flow decides, not the order of registration: networks with batch norm before the convolution, or with a
    second reader of its output, stay exact. A network whose flow depends on its input folds nothing.
    """
    modules = dict(model.named_modules())
    try:
        calls = [node for node in fx.Tracer().trace(model).nodes if node.op == "call_module"]
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


def _conv(model: nn.Module, name: str) -> nn.Conv2d:
    found = model.get_submodule(name)
    assert isinstance(found, nn.Conv2d), "as `_conv_bn_pairs` saw"
    return found


def _folded_weights(model: nn.Module, conv_name: str, norm_name: str) -> tuple[Tensor, Tensor]:
    conv, norm = _conv(model, conv_name), model.get_submodule(norm_name)
    assert isinstance(norm, nn.BatchNorm2d), "as `_conv_bn_pairs` saw"
    assert norm.running_mean is not None, "as it tracks its statistics"
    assert norm.running_var is not None, "as it tracks its statistics"
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


def _unfolded_parameters(source: nn.Module, folded: nn.Module, taken: set[str]) -> list[tuple[Tensor, Tensor]]:
    """Pairs of (model's tensor, copy's tensor) for everything that folding did not touch."""
    theirs = {**dict(source.named_parameters()), **dict(source.named_buffers())}
    ours = {**dict(folded.named_parameters()), **dict(folded.named_buffers())}
    return [
        (tensor, ours[name])
        for name, tensor in theirs.items()
        if name in ours and name.rpartition(".")[0] not in taken and tensor.is_floating_point()
    ]
