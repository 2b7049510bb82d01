"""Passes a second: one forward and backward by the pixels for one 32 px image, each way in turn; on a GPU updates too.

    .venv/bin/python -m benchmarks.passes [--network small] [--cores 2] [--seconds 3] [--rounds 3] [--device cpu]

The plain way is a straightforward torch loop: the trained network in eval mode, float32, one batch on all cores.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

from core.runtime.device import Device  # before torch: it says how torch's threads wait

import torch  # isort: skip
from torch import Tensor  # isort: skip

from core.attacks.losses import cross_entropy_sum
from core.models.folded import FoldedModel
from core.models.registry import ARCHITECTURES, build
from core.runtime.cuda_graphs import CALLS_BEFORE_CAPTURE
from core.training.sgd import DataParallelSGD, classification_loss

BATCH = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=ARCHITECTURES, default="small")
    parser.add_argument("--cores", type=int)
    parser.add_argument("--device", help="such as cpu; default: a GPU if there is one")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    device = Device(args.device, cores=args.cores)
    print(f"{args.network} on {device.label}, {device.dtype}, batches of {BATCH}")
    _compare("passes/s", _passes_on_cpu(device, args.network) if device.is_cpu else _passes(device, args.network), args)
    if not device.is_cpu:
        _compare("images/s in updates", _updates(device, args.network), args)


def _compare(unit: str, ways: dict[str, Callable[[], object]], args: argparse.Namespace) -> None:
    """Print a table of the ways, against the first of them."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, work in ways.items():
            rates[name].append(_rate(work, args.seconds))
    first = median(next(iter(rates.values())))
    print(f"\n| way | {unit} | against plain |\n|---|---|---|")
    for name, found in rates.items():
        print(f"| {name} | {median(found):,.0f} | {median(found) / first:.2f} |")


def _by_pixels(network: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    return torch.autograd.grad(cross_entropy_sum(network, y)(x), x)[0]


def _batch(device: Device) -> tuple[Tensor, Tensor]:
    return torch.rand(BATCH, 3, 32, 32, device=device.name), torch.arange(BATCH, device=device.name) % 10


def _model(device: Device, network: str) -> torch.nn.Module:
    return build(network, channels=3, size=32, classes=10, seed=0, device=device.name)


def _passes_on_cpu(device: Device, network: str) -> dict[str, Callable[[], object]]:
    model, (x, y) = _model(device, network).eval().requires_grad_(False), _batch(device)
    generator = device.generator(0)

    def on_all_cores(network: torch.nn.Module) -> Callable[[], object]:
        def run() -> None:
            torch.set_num_threads(device.cores)
            _by_pixels(network, x, y)
            torch.set_num_threads(1)

        return run

    def in_chunks(network: torch.nn.Module) -> Callable[[], object]:
        return lambda: device.map_chunks(lambda x, y, generator: _by_pixels(network, x, y), x, y, generator=generator)

    folded, fast = FoldedModel(model, dtype=torch.float32), FoldedModel(model, dtype=device.dtype)
    return {
        "plain": on_all_cores(model),
        "folded": on_all_cores(folded),
        "folded, fast type": on_all_cores(fast),
        "folded, fast type, in chunks": in_chunks(fast),
    }


def _passes(device: Device, network: str) -> dict[str, Callable[[], object]]:
    model, (x, y) = _model(device, network).eval().requires_grad_(False), _batch(device)
    folded, fast = FoldedModel(model, dtype=torch.float32), FoldedModel(model, dtype=device.dtype)

    return {
        "plain": lambda: _by_pixels(model, x, y),
        "folded": lambda: _by_pixels(folded.forward_without_graph, x, y),
        "folded, fast type": lambda: _by_pixels(fast.forward_without_graph, x, y),
        "folded, fast type, recorded": lambda: _by_pixels(fast, x, y),
    }


def _updates(device: Device, network: str) -> dict[str, Callable[[], object]]:
    x, y = _batch(device)
    recorded = DataParallelSGD(_model(device, network), device)
    plain = DataParallelSGD(
        _model(device, network), device, loss=lambda *batch: classification_loss(*batch)
    )  # no other's loss
    return {
        "plain": lambda: plain.step(x, y, learning_rate=1e-4),
        "recorded": lambda: recorded.step(x, y, learning_rate=1e-4),
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
