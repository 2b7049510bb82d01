"""Passes per second: a forward and backward pass for one image of 32 px, in several implementations.

    .venv/bin/python -m benchmarks.passes [--network small] [--cores 2] [--seconds 3] [--rounds 3] [--device cpu]

Prints the median over several rounds, in which the implementations take turns; on a GPU also the images per second in
updates. "plain" is a straightforward torch loop: the trained network in eval mode, float32, one batch on all cores.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

from core.runtime.device import Device  # before torch, because it sets how the threads of torch wait

import torch  # isort: skip
from torch import Tensor  # isort: skip

from core.attacks.losses import cross_entropy_sum
from core.models.folded import FoldedModel
from core.models.registry import ARCHITECTURES, build_network
from core.runtime.cuda_graphs import CALLS_BEFORE_CAPTURE
from core.training.sgd import DataParallelSGD, classification_loss

BATCH = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=ARCHITECTURES, default="small", help="the network to measure")
    parser.add_argument("--cores", type=int, help="the cores to use; by default all")
    parser.add_argument("--device", help="such as cpu; by default a GPU if there is one")
    parser.add_argument("--seconds", type=float, default=3.0, help="the time of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="the table shows the median of these")
    args = parser.parse_args()
    device = Device(args.device, cores=args.cores)
    print(f"{args.network} on {device.label}, {device.dtype}, batches of {BATCH}")
    _compare(
        "passes/s",
        _passes_on_cpu(device, args.network) if device.is_cpu else _passes_on_gpu(device, args.network),
        args,
    )
    if not device.is_cpu:
        _compare("images/s in updates", _updates(device, args.network), args)


def _compare(unit: str, implementations: dict[str, Callable[[], object]], args: argparse.Namespace) -> None:
    """Print the rate of each implementation, absolute and relative to the first one."""
    rates: dict[str, list[float]] = {name: [] for name in implementations}
    for _ in range(args.rounds):
        for name, work in implementations.items():
            rates[name].append(_rate(work, args.seconds))
    first = median(next(iter(rates.values())))
    print(f"\n| implementation | {unit} | relative to plain |\n|---|---|---|")
    for name, found in rates.items():
        print(f"| {name} | {median(found):,.0f} | {median(found) / first:.2f} |")


def _pixel_gradient(network: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    return torch.autograd.grad(cross_entropy_sum(network, y)(x), x)[0]


def _batch(device: Device) -> tuple[Tensor, Tensor]:
    return torch.rand(BATCH, 3, 32, 32, device=device.name), torch.arange(BATCH, device=device.name) % 10


def _model(device: Device, network: str) -> torch.nn.Module:
    return build_network(network, channels=3, size=32, classes=10, seed=0, device=device.name)


def _passes_on_cpu(device: Device, network: str) -> dict[str, Callable[[], object]]:
    model, (x, y) = _model(device, network).eval().requires_grad_(False), _batch(device)
    generator = device.generator(0)

    def on_all_cores(network: torch.nn.Module) -> Callable[[], object]:
        def run() -> None:
            torch.set_num_threads(device.cores)
            _pixel_gradient(network, x, y)
            torch.set_num_threads(1)

        return run

    def in_chunks(network: torch.nn.Module) -> Callable[[], object]:
        def gradient(x: Tensor, y: Tensor, *, generator: torch.Generator) -> Tensor:
            return _pixel_gradient(network, x, y)

        return lambda: device.map_chunks(gradient, x, y, generator=generator)

    folded, fast = FoldedModel(model, dtype=torch.float32), FoldedModel(model, dtype=device.dtype)
    return {
        "plain": on_all_cores(model),
        "folded": on_all_cores(folded),
        "folded, fast type": on_all_cores(fast),
        "folded, fast type, in chunks": in_chunks(fast),
    }


def _passes_on_gpu(device: Device, network: str) -> dict[str, Callable[[], object]]:
    model, (x, y) = _model(device, network).eval().requires_grad_(False), _batch(device)
    folded, fast = FoldedModel(model, dtype=torch.float32), FoldedModel(model, dtype=device.dtype)

    return {
        "plain": lambda: _pixel_gradient(model, x, y),
        "folded": lambda: _pixel_gradient(folded.forward_without_graph, x, y),
        "folded, fast type": lambda: _pixel_gradient(fast.forward_without_graph, x, y),
        "folded, fast type, CUDA graph": lambda: _pixel_gradient(fast, x, y),
    }


def _updates(device: Device, network: str) -> dict[str, Callable[[], object]]:
    x, y = _batch(device)
    graphed = DataParallelSGD(_model(device, network), device)
    # another function than classification_loss itself, so that no CUDA graph is used
    plain = DataParallelSGD(_model(device, network), device, loss=lambda *batch: classification_loss(*batch))
    return {
        "plain": lambda: plain.step(x, y, learning_rate=1e-4),
        "CUDA graph": lambda: graphed.step(x, y, learning_rate=1e-4),
    }


def _rate(work: Callable[[], object], seconds: float) -> float:
    for _ in range(CALLS_BEFORE_CAPTURE + 1):
        work()
    _wait()
    began, rounds = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        work()
        rounds += 1
        if rounds % 20 == 0:
            _wait()
    _wait()
    return BATCH * rounds / (time.monotonic() - began)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
