"""When work is recorded; and, on a real GPU, that a recording does what the work does (skipped where there is none)."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core.attacks.losses import cross_entropy_sum
from core.models.folded import FoldedModel
from core.models.registry import build
from core.runtime.cuda_graphs import MOST, SELDOM, GraphedCallable
from core.runtime.device import Device
from core.training.sgd import DataParallelSGD

Work = Callable[..., Tensor]
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that PyTorch can use")


@pytest.fixture
def device() -> Device:
    return Device("cuda")


@pytest.fixture
def recorded() -> list[tuple[torch.Size, torch.dtype]]:
    """The shape and type of what was recorded."""
    return []


@pytest.fixture
def double(recorded: list[tuple[torch.Size, torch.dtype]]) -> GraphedCallable:
    """Twice a tensor, and from a recording thrice."""

    def record(work: Work, inputs: tuple[Tensor, ...]) -> Work:
        recorded.append((inputs[0].shape, inputs[0].dtype))
        return lambda x: 3 * x

    return GraphedCallable(lambda x: 2 * x, record=record)


def test_what_comes_seldom_is_not_recorded_and_what_comes_often_is_once(
    double: GraphedCallable, recorded: list[object]
) -> None:
    x = torch.ones(4)
    results = [float(double(x, on_gpu=True)[0]) for _ in range(SELDOM + 3)]
    assert results == [2.0] * SELDOM + [3.0] * 3
    assert recorded == [(x.shape, x.dtype)]


def test_a_cpu_records_nothing(double: GraphedCallable, recorded: list[object]) -> None:
    assert {float(double(torch.ones(1), on_gpu=False)) for _ in range(SELDOM + 3)} == {2.0}
    assert not recorded


def test_every_shape_and_type_has_its_own(double: GraphedCallable, recorded: list[object]) -> None:
    shapes = [torch.ones(4), torch.ones(2, 2), torch.ones(4, dtype=torch.float64)]
    for _ in range(SELDOM + 1):
        for x in shapes:
            double(x, on_gpu=True)
    assert recorded == [(x.shape, x.dtype) for x in shapes]


def test_no_more_are_kept_than_memory_is_meant_for(double: GraphedCallable, recorded: list[object]) -> None:
    for _ in range(SELDOM + 2):
        results = [float(double(torch.ones(rows), on_gpu=True)[0]) for rows in range(1, MOST + 3)]
    assert results == [3.0] * MOST + [2.0] * 2
    assert len(recorded) == MOST


@on_a_gpu
def test_recorded_updates_and_passes_are_those_that_are_not(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, statistics, losses and gradients by the pixels, in float32, over more steps than go unrecorded."""
    device.dtype = torch.float32
    x, y = torch.rand(6, 8, 3, 32, 32, device=device.name), torch.arange(8, device=device.name) % 5

    def all_of_it() -> dict[str, Tensor]:
        model = build("small", channels=3, size=32, classes=5, seed=0, device=device.name)
        updater, frozen, found = DataParallelSGD(model, device), FoldedModel(model, dtype=torch.float32), {}
        for step, images in enumerate(x):
            at = images.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(cross_entropy_sum(frozen.refresh(), y)(at), at)
            found |= {f"gradient {step}": gradient.clone(), f"loss {step}": updater.step(images, y, learning_rate=0.01)}
        return found | {name: tensor.clone() for name, tensor in model.state_dict().items()}

    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        recorded = all_of_it()
        monkeypatch.setattr("core.runtime.cuda_graphs.SELDOM", 1000)
        plain = all_of_it()
    for name, tensor in plain.items():
        torch.testing.assert_close(
            recorded[name], tensor, atol=2e-4, rtol=2e-3, msg=lambda text, n=name: f"{n}: {text}"
        )


@on_a_gpu
def test_a_gradient_that_was_recorded_over_is_refused(device: Device) -> None:
    model = build("small", channels=3, size=32, classes=5, seed=0, device=device.name)
    frozen, y = FoldedModel(model, dtype=device.dtype), torch.arange(8, device=device.name) % 5
    loss = cross_entropy_sum(frozen, y)
    one, other = (torch.rand(8, 3, 32, 32, device=device.name, requires_grad=True) for _ in range(2))
    first, second = loss(one), loss(other)
    torch.autograd.grad(second, other)
    with pytest.raises(RuntimeError, match="take the gradient before the next"):
        torch.autograd.grad(first, one)
