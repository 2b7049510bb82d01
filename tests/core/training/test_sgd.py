"""SGD steps on batches that are cut into parts."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.models.registry import ARCHITECTURES
from core.runtime.device import Device
from core.training.sgd import DataParallelSGD, SGDSettings
from tests.support.networks import batch_for, network


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_batch_statistics_the_gradients_of_the_parts_add_up_to_that_of_the_batch(
    architecture: str,
) -> None:
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
    DataParallelSGD(model, device, settings=SGDSettings(part_images=2)).step(x, y, learning_rate=0.0)
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert (parameter.grad - gradient).norm() <= 1e-5 * gradient.norm() + 1e-8


@pytest.mark.parametrize("architecture", ["small", "densenet121"])
def test_running_statistics_are_the_mean_over_the_parts_of_a_batch(architecture: str) -> None:
    """After one update the running mean of the first batch norm is its momentum, 0.1, times the mean over the parts."""
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
    loss = DataParallelSGD(model, device, settings=SGDSettings(part_images=2)).step(
        x, torch.arange(4), learning_rate=0.1
    )
    assert loss.isfinite()
    assert torch.allclose(first.running_mean, 0.1 * torch.stack(means).mean(0), atol=1e-5)


def test_the_body_moves_at_its_share_of_the_rate_of_the_last_layer() -> None:
    model, x, y = network("small"), batch_for("small", 4), torch.arange(4)
    device = Device("cpu")
    device.dtype = torch.float32
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    settings = SGDSettings(weight_decay=0.0, body_rate=0.25)
    DataParallelSGD(model, device, settings=settings).step(x, y, learning_rate=0.1)
    for name, p in model.named_parameters():
        rate = 0.1 if ".head." in name else 0.025
        torch.testing.assert_close(p.detach(), before[name] - rate * p.grad)


@pytest.mark.parametrize(("allowed", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_cpu_computes_in_bfloat16_unless_the_settings_forbid_it(allowed: bool, expected: torch.dtype) -> None:
    model, device, seen = network("small"), Device("cpu"), []
    device.dtype = torch.bfloat16
    convolution = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    convolution.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    settings = SGDSettings(bfloat16_on_cpu=allowed)
    DataParallelSGD(model, device, settings=settings).step(batch_for("small", 4), torch.arange(4), learning_rate=0.1)
    assert set(seen) == {expected}
