"""One step of SGD with momentum 0.9 and weight decay 5e-4, which the paper uses for all training (A.3.1, A.4)."""

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.registry import last_layer
from core.runtime.cuda_graphs import GraphedCallable, capture
from core.runtime.device import CPU_ROWS, Device
from core.runtime.distributed import all_reduce_sum, broadcast_from_rank_0, rank, world_size

BatchLoss = Callable[..., Tensor]
"""Maps a network and the tensors of a batch, or of a part of it, to the sum of the losses over the images."""


def classification_loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy, summed over the images.

    Args:
        model: Maps images to logits (n, classes).
        x: Images (n, c, h, w) in [0, 1].
        y: Labels int64 (n,), or class probabilities (n, classes).
    """
    return F.cross_entropy(model(x), y, reduction="sum")


@dataclass(frozen=True, slots=True, kw_only=True)
class SGDSettings:
    """How a step differs between kinds of training; the defaults are the paper's.

    Attributes:
        part_images: The images in a part of a batch that one CPU core computes, at most.
        weight_decay: The factor of the L2 penalty.
        body_rate: The learning rate of all layers but the last, as a share of that of the last layer.
        bfloat16_on_cpu: Whether a CPU that computes in bfloat16 does so. Depthwise convolutions are slower in it.
    """

    part_images: int = CPU_ROWS
    weight_decay: float = 5e-4
    body_rate: float = 1.0
    bfloat16_on_cpu: bool = True


PAPER_SGD = SGDSettings()


class DataParallelSGD:
    """Updates a model batch by batch.

    A CPU cuts a batch into parts of a few images, computes their gradients in parallel and adds them. Batch norm then
    uses the statistics of each part ("ghost" batch norm, Hoffer et al. 2017), and the running statistics are
    the mean over the parts. A GPU takes the whole batch, and replays a CUDA graph if the loss is the classification
    loss (`core.runtime.cuda_graphs`). Several processes divide the parts among them, or on GPUs take one part each, and
    add their gradients: the model is the same in all processes after every step.
    """

    def __init__(
        self,
        model: nn.Module,
        device: Device,
        *,
        loss: BatchLoss = classification_loss,
        settings: SGDSettings = PAPER_SGD,
    ) -> None:
        """Prepare the updates; several processes start from the weights of process 0.

        Args:
            model: The model to update, on `device`.
            device: Where to compute.
            loss: The loss to minimize, divided by the number of images.
            settings: The parts of a batch, the weight decay and the learning rate of the body.
        """
        self._model, self._device, self._loss = model, device, loss
        self._parameters = list(model.parameters())
        self._replicas = [model]
        self._autocast = device.autocast if settings.bfloat16_on_cpu or not device.is_cpu else nullcontext
        self._graphed = GraphedCallable(partial(_loss_and_gradients, self._autocast, loss, model), capture=capture)
        self._uses_graph = not device.is_cpu and world_size() == 1 and loss is classification_loss
        self._part_images = settings.part_images
        groups = _parameter_groups(model, self._parameters, body_rate=settings.body_rate)
        self.optimizer = torch.optim.SGD(groups, lr=0.0, momentum=0.9, weight_decay=settings.weight_decay)
        broadcast_from_rank_0([*self._parameters, *(b for b in model.buffers() if b.is_floating_point())])

    def step(self, *batch: Tensor, learning_rate: float) -> Tensor:
        """Update the model once.

        Args:
            batch: The arguments of the loss after the model, each with one row per image.
            learning_rate: The learning rate of this step; the body has its share of it.

        Returns:
            The mean loss over the images, before the update.
        """
        count = -(-len(batch[0]) // self._part_images) if self._device.is_cpu else world_size()
        parts = list(zip(*(tensor.chunk(count) for tensor in batch), strict=True))
        own_parts = parts[rank() :: world_size()]
        results = [self._replay(batch)] if self._uses_graph else self._in_parallel(own_parts, images=len(batch[0]))
        by_parameter = zip(self._parameters, *(gradients for _, gradients in results), strict=True)
        gradients = [_sum(found, like=parameter) for parameter, *found in by_parameter]
        loss = _sum([loss for loss, _ in results], like=self._parameters[0].new_zeros(()))
        all_reduce_sum([loss, *gradients])
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate * group["rate"]
        self.optimizer.step()
        self._average_statistics(len(own_parts), all_parts=len(parts))
        return loss

    def state(self) -> dict[str, Tensor]:
        """The weights and the momentum; the names of the tensors begin with "model." and "momentum."."""
        state = {f"model.{name}": tensor for name, tensor in self._model.state_dict().items()}
        for name, parameter in self._model.named_parameters():
            if "momentum_buffer" in self.optimizer.state[parameter]:
                state[f"momentum.{name}"] = self.optimizer.state[parameter]["momentum_buffer"]
        return state

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state.

        Args:
            state: What `state` returned; tensors of other names are ignored.

        Raises:
            RuntimeError: The state belongs to another model.
        """
        self._model.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("model.")})
        for name, p in self._model.named_parameters():
            if f"momentum.{name}" in state:
                # in the memory layout of the parameter
                momentum = torch.empty_like(p, requires_grad=False).copy_(state[f"momentum.{name}"])
                self.optimizer.state[p]["momentum_buffer"] = momentum

    def _replay(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        loss, gradients = self._graphed(*batch, on_gpu=True)
        return loss.clone(), gradients  # the next replay overwrites both; callers may hold the loss for longer

    def _in_parallel(
        self, parts: Sequence[tuple[Tensor, ...]], *, images: int
    ) -> list[tuple[Tensor, tuple[Tensor, ...]]]:
        self._make_replicas(len(parts))
        work = [(replica, *part) for replica, part in zip(self._replicas, parts, strict=False)]
        return self._device.starmap(partial(_loss_and_gradients, self._autocast, self._loss, images=images), work)

    def _make_replicas(self, count: int) -> None:
        """Make copies that share the parameters of the model and have buffers of their own."""
        while len(self._replicas) < count:
            replica = copy.deepcopy(self._model)
            for name, parameter in self._model.named_parameters():
                module, _, attribute = name.rpartition(".")
                setattr(replica.get_submodule(module), attribute, parameter)
            self._replicas.append(replica)

    @torch.no_grad()
    def _average_statistics(self, own_parts: int, *, all_parts: int) -> None:
        """Give all replicas in all processes the mean of the running statistics over the parts."""
        if len(self._replicas) == 1 and world_size() == 1:
            return
        buffers = zip(*(replica.buffers() for replica in self._replicas), strict=True)
        statistics = [copies for copies in buffers if copies[0].is_floating_point()]
        sums = [_sum(copies[:own_parts], like=copies[0]) for copies in statistics]
        all_reduce_sum(sums)
        for copies, total in zip(statistics, sums, strict=True):
            mean = total / all_parts
            for buffer in copies:
                buffer.copy_(mean)


def _loss_and_gradients(
    autocast: Callable[[], AbstractContextManager[object]],
    loss_of: BatchLoss,
    model: nn.Module,
    *part: Tensor,
    images: int | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The loss and the gradients of a part of a batch of `images` images; without `images`, of a whole batch."""
    model.train()
    with autocast():
        loss = loss_of(model, *part) / (images or len(part[0]))
    return loss.detach(), torch.autograd.grad(loss, list(model.parameters()))


def _parameter_groups(model: nn.Module, parameters: list[nn.Parameter], *, body_rate: float) -> list[dict[str, Any]]:
    """All parameters in one group, or those of the last layer in one and those of the body in another."""
    if body_rate == 1.0:
        return [{"params": parameters, "rate": 1.0}]
    last = {id(parameter) for parameter in last_layer(model).parameters()}
    return [
        {"params": [p for p in parameters if id(p) not in last], "rate": body_rate},
        {"params": [p for p in parameters if id(p) in last], "rate": 1.0},
    ]


def _sum(tensors: Sequence[Tensor], *, like: Tensor) -> Tensor:
    """The sum of tensors in the shape of `like`; zero if there is none."""
    if len(tensors) > 1:
        return torch.stack(tuple(tensors)).sum(0)
    return tensors[0] if tensors else torch.zeros_like(like)
