"""SGD steps on batches that are cut into parts."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.models.registry import ARCHITECTURES
from core.runtime.device import Device
from core.training.sgd import DataParallelSGD
from tests.support.networks import batch_for, network


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_batch_statistics_the_gradients_of_the_parts_add_up_to_that_of_the_batch(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.training.sgd.CPU_ROWS", 2)
    model, x, y = network(architecture).double(), batch_for(architecture, 3), torch.arange(3)
    with torch.no_grad():
        model.train()(batch_for(architecture, 4))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
            module.train = lambda mode=True, module=module: module  # type: ignore[method-assign]
            module.training = False
    parameters = list(model.parameters())
    expected = torch.autograd.grad(F.cross_entropy(model(x), y), parameters)
    device = Device("cpu")
    device.dtype = torch.float32
    DataParallelSGD(model, device).step(x, y, learning_rate=0.0)
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert (parameter.grad - gradient).norm() <= 1e-5 * gradient.norm() + 1e-8


@pytest.mark.parametrize("architecture", ["small", "densenet121"])
def test_running_statistics_are_the_mean_over_the_parts_of_a_batch(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one update the running mean of the first batch norm is its momentum, 0.1, times the mean over the parts."""
    monkeypatch.setattr("core.training.sgd.CPU_ROWS", 2)
    model, x = network(architecture), batch_for(architecture, 4)
    means: list[torch.Tensor] = []
    first = next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    with torch.no_grad():
        handle = first.register_forward_hook(lambda module, args, out: means.append(args[0].mean((0, 2, 3))))
        copy.deepcopy(model).train()(x[:2])
        copy.deepcopy(model).train()(x[2:])
        handle.remove()
    device = Device("cpu")
    device.dtype = torch.float32
    loss = DataParallelSGD(model, device).step(x, torch.arange(4), learning_rate=0.1)
    assert loss.isfinite()
    assert torch.allclose(first.running_mean, 0.1 * torch.stack(means).mean(0), atol=1e-5)
