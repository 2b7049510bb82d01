"""One SGD step at a time: momentum 0.9, weight decay 5e-4, as everywhere in the paper (A.3.1, A.4)."""

import copy
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.runtime.cuda_graphs import GraphedCallable, whole
from core.runtime.device import CPU_ROWS, Device
from core.runtime.distributed import add_up, rank, same_as_on_rank_0, size

Loss = Callable[..., Tensor]
"""A network and some of a batch's rows, as many tensors as `DataParallelSGD.step` was given, to the sum of their
losses."""


def classification_loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The loss of images (n, c, h, w) in [0, 1] with labels (n,) or probabilities (n, classes), added over them."""
    return F.cross_entropy(model(x), y, reduction="sum")


class DataParallelSGD:
    """Updates `model` on one batch after another, by the gradients of `loss`.

    On a CPU a batch is cut into parts of up to CPU_ROWS images, whose gradients are computed side by side and added;
    batch norm then takes its statistics from each part ("ghost" batch norm, Hoffer et al. 2017) and keeps their mean.
    A GPU takes the batch whole, and replays the gradients of a network's own loss (`core.runtime.cuda_graphs`).
    Several processes
    share the parts, or on GPUs take one each, and add up as well: all have the same model after every step.
    """

    def __init__(self, model: nn.Module, device: Device, *, loss: Loss = classification_loss) -> None:
        self._model, self._device, self._loss = model, device, loss
        self._parameters = list(model.parameters())
        self._replicas = [model]
        self._recorded = GraphedCallable(partial(_loss_and_gradients, device, loss, model), record=whole)
        self._is_replayed = not device.is_cpu and size() == 1 and loss is classification_loss
        self.optimizer = torch.optim.SGD(self._parameters, lr=0.0, momentum=0.9, weight_decay=5e-4)
        same_as_on_rank_0([*self._parameters, *(b for b in model.buffers() if b.is_floating_point())])

    def step(self, *batch: Tensor, learning_rate: float) -> Tensor:
        """One update on a batch, tensors with a row for each image, as the loss takes them; returns the mean loss."""
        count = -(-len(batch[0]) // CPU_ROWS) if self._device.is_cpu else size()
        parts = list(zip(*(tensor.chunk(count) for tensor in batch), strict=True))
        own = parts[rank() :: size()]
        results = [self._replayed(batch)] if self._is_replayed else self._side_by_side(own, images=len(batch[0]))
        own_gradients = zip(self._parameters, *(gradients for _, gradients in results), strict=True)
        gradients = [_sum(found, like=parameter) for parameter, *found in own_gradients]
        loss = _sum([loss for loss, _ in results], like=self._parameters[0].new_zeros(()))
        add_up([loss, *gradients])
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self._share_statistics(len(own), whole=len(parts))
        return loss

    def _replayed(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        loss, gradients = self._recorded(*batch, on_gpu=True)
        return loss.clone(), gradients  # the gradients are used up before the next step, the loss may be kept

    def _side_by_side(
        self, parts: Sequence[tuple[Tensor, ...]], *, images: int
    ) -> list[tuple[Tensor, tuple[Tensor, ...]]]:
        self._make_replicas(len(parts))
        work = [(replica, *part) for replica, part in zip(self._replicas, parts, strict=False)]
        return self._device.side_by_side(partial(_loss_and_gradients, self._device, self._loss, images=images), work)

    def _make_replicas(self, count: int) -> None:
        """Copies with buffers of their own and the model's own parameters."""
        while len(self._replicas) < count:
            replica = copy.deepcopy(self._model)
            for name, parameter in self._model.named_parameters():
                module, _, own = name.rpartition(".")
                setattr(replica.get_submodule(module), own, parameter)
            self._replicas.append(replica)

    @torch.no_grad()
    def _share_statistics(self, own: int, *, whole: int) -> None:
        """The mean of the parts' running statistics becomes everybody's: `own` parts are here, `whole` everywhere."""
        if len(self._replicas) == 1 and size() == 1:
            return
        buffers = list(zip(*(replica.buffers() for replica in self._replicas), strict=True))
        statistics = [same for same in buffers if same[0].is_floating_point()]
        sums = [_sum(same[:own], like=same[0]) for same in statistics]
        add_up(sums)
        for same, total in zip(statistics, sums, strict=True):
            mean = total / whole
            for buffer in same:
                buffer.copy_(mean)


def _loss_and_gradients(
    device: Device, loss_of: Loss, model: nn.Module, *part: Tensor, images: int | None = None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Of a part of a batch of so many images, or of a whole one."""
    model.train()
    with device.autocast():
        loss = loss_of(model, *part) / (images or len(part[0]))
    return loss.detach(), torch.autograd.grad(loss, list(model.parameters()))


def _sum(tensors: Sequence[Tensor], *, like: Tensor) -> Tensor:
    """The sum of tensors of a shape like `like`'s: of several, one, or none."""
    if len(tensors) > 1:
        return torch.stack(tuple(tensors)).sum(0)
    return tensors[0] if tensors else torch.zeros_like(like)
