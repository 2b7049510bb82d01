"""When a function is captured as a CUDA graph; and, on a real GPU, that the graph computes what the function does."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core.attacks.losses import cross_entropy_sum
from core.models.folded import FoldedModel
from core.models.registry import build_network
from core.runtime.cuda_graphs import CALLS_BEFORE_CAPTURE, MAX_GRAPHS, GraphedCallable
from core.runtime.device import Device
from core.training.sgd import DataParallelSGD

Function = Callable[..., Tensor]
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that PyTorch can use")


@pytest.fixture
def device() -> Device:
    return Device("cuda")


@pytest.fixture
def captured() -> list[tuple[torch.Size, torch.dtype]]:
    """The shape and type of the inputs of each capture."""
    return []


@pytest.fixture
def double(captured: list[tuple[torch.Size, torch.dtype]]) -> GraphedCallable:
    """Twice a tensor when called, three times when replayed."""

    def capture(function: Function, inputs: tuple[Tensor, ...]) -> Function:
        captured.append((inputs[0].shape, inputs[0].dtype))
        return lambda x: 3 * x

    return GraphedCallable(lambda x: 2 * x, capture=capture)


def test_a_shape_is_captured_once_after_several_calls(double: GraphedCallable, captured: list[object]) -> None:
    x = torch.ones(4)
    results = [float(double(x, on_gpu=True)[0]) for _ in range(CALLS_BEFORE_CAPTURE + 3)]
    assert results == [2.0] * CALLS_BEFORE_CAPTURE + [3.0] * 3
    assert captured == [(x.shape, x.dtype)]


def test_a_cpu_captures_nothing(double: GraphedCallable, captured: list[object]) -> None:
    assert {float(double(torch.ones(1), on_gpu=False)) for _ in range(CALLS_BEFORE_CAPTURE + 3)} == {2.0}
    assert not captured


def test_each_shape_and_type_has_a_graph(double: GraphedCallable, captured: list[object]) -> None:
    shapes = [torch.ones(4), torch.ones(2, 2), torch.ones(4, dtype=torch.float64)]
    for _ in range(CALLS_BEFORE_CAPTURE + 1):
        for x in shapes:
            double(x, on_gpu=True)
    assert captured == [(x.shape, x.dtype) for x in shapes]


def test_the_number_of_graphs_is_limited(double: GraphedCallable, captured: list[object]) -> None:
    for _ in range(CALLS_BEFORE_CAPTURE + 2):
        results = [float(double(torch.ones(rows), on_gpu=True)[0]) for rows in range(1, MAX_GRAPHS + 3)]
    assert results == [3.0] * MAX_GRAPHS + [2.0] * 2
    assert len(captured) == MAX_GRAPHS


@on_a_gpu
def test_graphs_compute_what_the_functions_do(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, statistics, losses and gradients of the pixels, in float32, over more steps than precede a capture."""
    device.dtype = torch.float32
    x, y = torch.rand(6, 8, 3, 32, 32, device=device.name), torch.arange(8, device=device.name) % 5

    def trained() -> dict[str, Tensor]:
        model = build_network("small", channels=3, size=32, classes=5, seed=0, device=device.name)
        sgd, folded, found = DataParallelSGD(model, device), FoldedModel(model, dtype=torch.float32), {}
        for step, images in enumerate(x):
            at = images.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(cross_entropy_sum(folded.refresh(), y)(at), at)
            found |= {f"gradient {step}": gradient.clone(), f"loss {step}": sgd.step(images, y, learning_rate=0.01)}
        return found | {name: tensor.clone() for name, tensor in model.state_dict().items()}

    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        graphed = trained()
        monkeypatch.setattr("core.runtime.cuda_graphs.CALLS_BEFORE_CAPTURE", 1000)
        plain = trained()
    for name, tensor in plain.items():
        torch.testing.assert_close(graphed[name], tensor, atol=2e-4, rtol=2e-3, msg=lambda text, n=name: f"{n}: {text}")


@on_a_gpu
def test_a_gradient_after_another_pass_is_refused(device: Device) -> None:
    model = build_network("small", channels=3, size=32, classes=5, seed=0, device=device.name)
    folded, y = FoldedModel(model, dtype=device.dtype), torch.arange(8, device=device.name) % 5
    loss = cross_entropy_sum(folded, y)
    one, other = (torch.rand(8, 3, 32, 32, device=device.name, requires_grad=True) for _ in range(2))
    first, second = loss(one), loss(other)
    torch.autograd.grad(second, other)
    with pytest.raises(RuntimeError, match="take the gradient before the next"):
        torch.autograd.grad(first, one)
