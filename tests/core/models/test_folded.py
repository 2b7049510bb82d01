"""Frozen copies of networks: the same function, with batch norm folded where that is exact."""

import threading

import pytest
import torch
from torch import nn

from core.models.folded import FoldedModel
from core.runtime.device import Device
from core.training.sgd import DataParallelSGD
from tests.support.networks import batch_for, network


def randomize_batch_norms(model: nn.Module) -> nn.Module:
    """The model in eval mode, with random weights and statistics of its batch norms, around those that a batch gave."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, spread in ((module.running_var, 0.5), (module.weight, 0.5), (module.running_mean, 2.0)):
                tensor.data.mul_(1 + spread * (torch.rand_like(tensor) - 0.5))
            module.running_mean.add_(0.1 * torch.randn_like(module.running_mean))
            module.bias.data.normal_(0, 0.1)
    return model.eval()


def is_close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two batches of logits are equal up to float32 rounding in a deep network."""
    return bool((found - expected).abs().max() <= 1e-4 * max(1.0, expected.abs().max().item()))


def count_batch_norms(root: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in root.modules())


@pytest.mark.parametrize(
    ("architecture", "folded"),
    # all batch norms can be folded, or, in networks with batch norm before the convolution, one in each block
    [("small", 9), ("vgg16", 13), ("resnet18", 20), ("resnet50", 53), ("densenet121", 58), ("wrn34-10", 15)],
)
def test_a_frozen_copy_is_the_same_function_and_refresh_follows_the_model(architecture: str, folded: int) -> None:
    model, x = network(architecture), batch_for(architecture, 4)
    frozen = FoldedModel(model, dtype=torch.float32)
    assert count_batch_norms(model) - count_batch_norms(frozen) == folded
    DataParallelSGD(model, Device("cpu")).step(x, torch.arange(4), learning_rate=0.05)
    with torch.no_grad():
        expected = randomize_batch_norms(model)(x)
        assert not is_close(frozen(x), expected)
        assert is_close(frozen.refresh()(x), expected)
        assert is_close(FoldedModel(model, dtype=torch.float32)(x), expected)
    assert not any(p.requires_grad for p in frozen.parameters())
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("architecture", ["resnet18", "densenet121"])
def test_a_frozen_copy_of_a_network_for_large_images_is_the_same_function(architecture: str) -> None:
    model, x = network(architecture, size=96), torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        model.train()(x)
        expected = randomize_batch_norms(model)(x)
        assert is_close(FoldedModel(model, dtype=torch.float32)(x), expected)


@pytest.mark.parametrize("flow", ["norm first", "read twice", "called twice", "depends on input"])
def test_only_a_batch_norm_that_is_the_sole_reader_of_a_convolution_is_folded(flow: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)
            self.bn = nn.BatchNorm2d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if flow == "norm first":
                return self.conv(self.bn(x))
            if flow == "called twice":
                return self.bn(self.conv(self.conv(x)))
            y = self.conv(x)
            if flow == "depends on input":
                return self.bn(y) if x.mean() > 0 else y
            return self.bn(y) + y

    model, x = Net(), torch.rand(4, 3, 8, 8)
    model(x)
    expected = randomize_batch_norms(model)(x)
    assert torch.allclose(FoldedModel(model, dtype=torch.float32)(x), expected, atol=1e-5)


def test_networks_are_folded_by_several_threads_while_others_run() -> None:
    model, x = network("small"), batch_for("small", 2)
    with torch.no_grad():
        randomize_batch_norms(model)
        expected, failures, done = model(x), list[Exception](), threading.Event()

    @torch.no_grad()
    def run_until_done() -> None:
        try:
            while not done.is_set():
                assert torch.equal(model(x), expected)
        except Exception as failure:
            failures.append(failure)

    def fold() -> None:
        try:
            frozen = [FoldedModel(model, dtype=torch.float32) for _ in range(20)]
            assert {count_batch_norms(one) for one in frozen} == {0}
        except Exception as failure:
            failures.append(failure)

    runners, folders = ([threading.Thread(target=target) for _ in range(2)] for target in (run_until_done, fold))
    for thread in (*runners, *folders):
        thread.start()
    for thread in folders:
        thread.join()
    done.set()
    for thread in runners:
        thread.join()
    assert failures == []
