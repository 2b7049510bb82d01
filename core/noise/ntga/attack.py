"""Neural tangent generalization attack noise (Yuan & Wu, ICML 2021; Fu et al. 2022, A.3.2).

Block by block, the training images are changed so that an infinitely wide network, trained on the block for a time t,
is wrong about other, clean images:

    max over |delta| <= radius_u  of  cross-entropy(T(V, X + delta) g(T(X + delta, X + delta)) y, y_V)

The network and T are `core.noise.ntga.ntk`, g is `core.noise.ntga.gradient_flow`. No surrogate is trained.
"""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from core.attacks.norms import PIXEL, Linf
from core.attacks.pgd import MAXIMIZE, PGDConfig, Tick, pgd
from core.noise.ntga.gradient_flow import dual_coefficients
from core.noise.ntga.ntk import WideNetwork
from core.noise.objective import quantize_noise
from core.noise.shards import Numbered, in_shards
from core.runtime.checkpoints import CheckpointStore
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.presets import NTGAConfig

NAME = "ntga"
NETWORK = WideNetwork()
RIDGE = 1e-4  # of the kernel's mean diagonal, added to its diagonal, as the official code does
TESTED_AT_ONCE = 500  # validation images whose kernel is in memory


def ntga_noise(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    classes: int,
    *,
    radius: int,
    seed: int,
    recipe: NTGAConfig,
    device: Device,
    progress: Progress,
    checkpoints: CheckpointStore,
) -> NDArray[np.int8]:
    """Noise for the `chosen` images, zero for the rest: int8 (n, c, s, s), |noise| <= radius, of 255.

    What is not `kept` is held out for testing: such images get noise in blocks of their own, and no other's noise
    depends on them. Blocks are shuffled and computed side by side on the cores of a CPU.
    """
    blocks = [
        block
        for number, part in enumerate((chosen & kept, chosen & ~kept))
        for block in shuffled_blocks(np.flatnonzero(part), recipe.block, seed=(seed, 4, number))
    ]
    y = F.one_hot(torch.from_numpy(labels), classes).double()

    def noise_of(number: int, block: NDArray[np.int64]) -> NDArray[np.int8]:
        judges = validation_places(kept, block, recipe.validation, seed=(seed, 5, number))
        shown = torch.from_numpy(pixels[block]).to(device.name)
        delta = find_block_noise(
            shown.double() * PIXEL,
            y[block].to(device.name),
            torch.from_numpy(pixels[judges]).to(device.name).double() * PIXEL,
            y[judges].to(device.name),
            radius=radius,
            recipe=recipe,
            generator=device.generator(seed, 6, number),
            tick=progress.tick,
        )
        return quantize_noise(delta, shown, radius).to(torch.int8).numpy(force=True)

    def make(group: list[Numbered]) -> Iterator[NDArray[np.int8]]:
        for noise in device.side_by_side(noise_of, group):
            yield noise
            progress.advance(len(noise))  # where it may be stopped, the noise being kept by now

    progress.start("noise", int(chosen.sum()))
    at_once = device.cores if device.is_cpu else 1
    return in_shards(pixels.shape, blocks, make, at_once=at_once, progress=progress, checkpoints=checkpoints)


def find_block_noise(
    x: Tensor,
    y: Tensor,
    judges: Tensor,
    judged: Tensor,
    *,
    radius: int,
    recipe: NTGAConfig,
    generator: torch.Generator,
    tick: Tick,
) -> Tensor:
    """The noise of one block, float of x's shape: images x, `judges` (., c, h, w) in [0, 1], one-hot y, `judged`.

    Starts at zero: Table 5's steps together are 1.1 times the radius, which a random start would not let them reach.
    """

    def loss(protected: Tensor) -> Tensor:
        rows = protected.flatten(1)
        dual = dual_of(rows, y, time=recipe.time)
        total = rows.new_zeros(())
        for v, y_v in zip(judges.split(TESTED_AT_ONCE), judged.split(TESTED_AT_ONCE), strict=True):
            tick()
            total = total + checkpoint(_loss_of, v.flatten(1), y_v, rows, dual, use_reentrant=False)
        return total

    search = PGDConfig(
        ball=Linf(radius * PIXEL), steps=recipe.steps, step_size=recipe.step * radius * PIXEL, sign=MAXIMIZE
    )
    return pgd(loss, x, search, start=torch.zeros_like(x), generator=generator, tick=tick)


def dual_of(rows: Tensor, y: Tensor, *, time: float) -> Tensor:
    """What training on `rows` (n, d) with one-hot y (n, k) for `time` comes to: (n, k), to be seen through the kernel.

    The squared error is a mean over images and classes, so `time` counts steps of gradient descent at rate 1.
    """
    kernel = NETWORK.kernel(rows, rows)
    ridge = RIDGE * kernel.diagonal().mean() * torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
    return dual_coefficients(kernel + ridge, y, time=time / y.numel())


def _loss_of(v: Tensor, y_v: Tensor, rows: Tensor, dual: Tensor) -> Tensor:
    return F.cross_entropy(NETWORK.kernel(v, rows) @ dual, y_v, reduction="sum")


def shuffled_blocks(places: NDArray[np.int64], most: int, *, seed: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """`places` in random order, in blocks of nearly equal size of at most `most`; two where one would do.

    An upload comes class by class, and a network learns nothing from a block of one class. One block alone would leave
    no other images to be wrong about.
    """
    count = max(-(-len(places) // most), min(2, len(places)))
    order = np.random.default_rng(seed).permutation(places)
    return [np.sort(block) for block in np.array_split(order, count)] if count else []


def validation_places(
    kept: NDArray[np.bool_], block: NDArray[np.int64], most: int, *, seed: tuple[int, ...]
) -> NDArray[np.int64]:
    """Up to `most` of the `kept` images outside the block; where there are none, the kept images themselves."""
    outside = kept.copy()
    outside[block] = False
    others = np.flatnonzero(outside if outside.any() else kept)
    return np.sort(np.random.default_rng(seed).permutation(others)[:most])


def describe_ntga(recipe: NTGAConfig, *, trained_on: int) -> dict[str, object]:
    """What the report says of this method beside its name, preset, size and radius_u."""
    return {
        "source": "Yuan & Wu, ICML 2021; Fu et al. 2022, A.3.2",
        "surrogate": f"tangent kernel of an infinitely wide network of {NETWORK.depth} {NETWORK.activation} layers",
        "radius_a": 0,
        "eot": False,
        "trained_on_images": trained_on,
        "largest_block": recipe.block,
        "most_validation_images": recipe.validation,
        "time": recipe.time,
        "steps_per_image": recipe.steps,
    }
