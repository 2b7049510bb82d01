"""Neural tangent generalization attack noise (Yuan & Wu, ICML 2021; Fu et al. 2022, A.3.2).

The images are changed block by block, so that an infinitely wide network that is trained on the block for a time t
misclassifies other, clean images:

    max over |delta| <= radius_u  of  cross-entropy(T(V, X + delta) g(T(X + delta, X + delta)) y, y_V)

The network and T are `core.noise.ntga.ntk`, g is `core.noise.ntga.gradient_flow`. No surrogate is trained.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from core.attacks.norms import PIXEL, Linf
from core.attacks.pgd import MAXIMIZE, PGDConfig, Tick, pgd
from core.noise.ntga.blocks import shuffled_blocks, validation_indices
from core.noise.ntga.gradient_flow import dual_coefficients
from core.noise.ntga.ntk import WideNetwork
from core.noise.optimize import quantize_noise
from core.noise.protected_images import ProtectedImages
from core.noise.setup import NoiseSetup
from core.noise.shards import Shard, make_in_shards
from core.runtime.checkpoints import CheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.random_streams import RandomStream
from core.specs.configs import NTGAConfig
from core.training.labelled_images import LabelledArrays, LabelledTensors

NAME = "ntga"
NETWORK = WideNetwork()
RIDGE = 1e-4  # of the mean of the kernel's diagonal; added to the diagonal, as in the official code
VALIDATION_BATCH = 500  # validation images whose kernel is in memory at a time


def ntga_noise(
    images: LabelledArrays,
    setup: NoiseSetup,
    run: RunContext,
    *,
    protect_mask: NDArray[np.bool_],
    train_mask: NDArray[np.bool_],
) -> NDArray[np.int8]:
    """Make the noise of some images block by block. A CPU makes one block on each core.

    The images that are not in `train_mask` are for testing: they get noise in blocks of their own, and the noise of
    other images does not depend on them.

    Args:
        images: All images of the dataset at the work size.
        setup: The radius, the seed and the preset's numbers of NTGA.
        run: The checkpoints hold each finished block.
        protect_mask: bool (n,), the images that get noise.
        train_mask: bool (n,), the images whose labels the validation of a block may use.

    Returns:
        int8 (n, c, s, s) in pixel units of 255, |noise| <= radius_u; zero where `protect_mask` is False.
    """
    protected = ProtectedImages(images=images, protect_mask=protect_mask, train_mask=train_mask)
    run.progress.start("noise", int(protect_mask.sum()))
    maker = NTGABlocks(protected, setup.preset.ntga, radius=setup.spec.radius_u, seed=setup.spec.seed)
    return make_in_shards(maker, run)


class NTGABlocks:
    """Makes the noise of blocks; a block is a shard (`core.noise.shards.NoiseMaker`).

    Args:
        protected: The images; `train_mask` is that of `ntga_noise`.
        config: The size of a block, and the steps of the search.
        radius: The bound in pixel units of 255.
        seed: Of the protection.
    """

    KIND = "ntga"

    def __init__(self, protected: ProtectedImages, config: NTGAConfig, *, radius: int, seed: int) -> None:
        assert protected.train_mask is not None, "the validation of a block needs it"
        self._protected, self._train_mask = protected, protected.train_mask
        self._config, self._radius, self._seed = config, radius, seed
        self.shape, chosen = protected.images.pixels.shape, protected.protect_mask
        self.shards = [
            block
            for number, mask in enumerate((chosen & self._train_mask, chosen & ~self._train_mask))
            for block in shuffled_blocks(
                np.flatnonzero(mask), config.block_size, seed=(seed, RandomStream.NTGA_BLOCKS, number)
            )
        ]

    def parallel(self, device: Device) -> int:
        """A block on each core of a CPU."""
        return device.cores if device.is_cpu else 1

    def make(self, group: list[Shard], run: RunContext) -> Iterator[NDArray[np.int8]]:
        """The noise of some blocks, int8 (m, c, s, s)."""
        for noise in run.device.starmap(partial(self._noise_of, run), group):
            yield noise
            run.progress.advance(len(noise))  # may raise Cancelled: the noise is saved by now

    def save(self, checkpoints: CheckpointStore) -> None:
        """Save the images and the settings."""
        settings = {"config": asdict(self._config), "radius": self._radius, "seed": self._seed}
        self._protected.save(checkpoints, kind=self.KIND, settings=settings)

    @classmethod
    def load(
        cls, protected: ProtectedImages, settings: Mapping[str, Any], checkpoints: CheckpointStore, device: Device
    ) -> "NTGABlocks":
        """What `save` saved."""
        config = NTGAConfig(**settings["config"])
        return cls(protected, config, radius=settings["radius"], seed=settings["seed"])

    def delete_images(self, checkpoints: CheckpointStore) -> None:
        """Delete the images."""
        self._protected.delete_images(checkpoints)

    def _noise_of(self, run: RunContext, number: int, block: NDArray[np.int64]) -> NDArray[np.int8]:
        device, images, seed = run.device, self._protected.images, self._seed
        stream = (seed, RandomStream.NTGA_VALIDATION, number)
        others = validation_indices(self._train_mask, block, self._config.validation_images, seed=stream)
        part = images.select(block).on(device)
        delta = search_block_noise(
            OneHotImages.of(part, images.classes),
            OneHotImages.of(images.select(others).on(device), images.classes),
            radius=self._radius,
            config=self._config,
            generator=device.generator(seed, RandomStream.NTGA_SEARCH, number),
            tick=run.progress.tick,
        )
        return quantize_noise(delta, part.pixels, self._radius).to(torch.int8).numpy(force=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneHotImages:
    """Images as NTGA computes with them.

    Attributes:
        x: float64 (n, c, h, w) in [0, 1].
        y: float64 (n, classes), one-hot labels.
    """

    x: Tensor
    y: Tensor

    @classmethod
    def of(cls, images: LabelledTensors, classes: int) -> "OneHotImages":
        """The same images in float64."""
        return cls(x=images.pixels.double() * PIXEL, y=F.one_hot(images.labels, classes).double())


def search_block_noise(
    block: OneHotImages,
    validation: OneHotImages,
    *,
    radius: int,
    config: NTGAConfig,
    generator: torch.Generator,
    tick: Tick,
) -> Tensor:
    """Search for the noise of one block by PGD from zero.

    The steps of Table 5 together are 1.1 times the radius; from a random start they would not reach it.

    Args:
        block: The n images that get noise.
        validation: The images that the network should get wrong.
        radius: The bound in pixel units of 255.
        config: The steps of the search, and the time of the training.
        generator: Required by PGD; nothing is drawn from it.
        tick: Called in each step, and may raise `Cancelled`.

    Returns:
        float64 (n, c, h, w), |noise| <= radius / 255.
    """

    def loss(protected: Tensor) -> Tensor:
        rows = protected.flatten(1)
        coefficients = trained_coefficients(rows, block.y, time=config.time)
        total = rows.new_zeros(())
        for x, y in zip(validation.x.split(VALIDATION_BATCH), validation.y.split(VALIDATION_BATCH), strict=True):
            tick()
            total = total + checkpoint(_loss_of, x.flatten(1), y, rows, coefficients, use_reentrant=False)
        return total

    search = PGDConfig(
        ball=Linf(radius * PIXEL), steps=config.steps, step_size=config.step * radius * PIXEL, sign=MAXIMIZE
    )
    return pgd(loss, block.x, search, start=torch.zeros_like(block.x), generator=generator, tick=tick)


def trained_coefficients(rows: Tensor, y: Tensor, *, time: float) -> Tensor:
    """What the wide network has learned: the kernel between test rows and `rows`, times this, is its prediction.

    Args:
        rows: The training images, float64 (n, d).
        y: Their one-hot labels, float64 (n, classes).
        time: The steps of gradient descent at rate 1. The squared error is a mean over images and classes.

    Returns:
        float64 (n, classes).
    """
    kernel = NETWORK.kernel(rows, rows)
    ridge = RIDGE * kernel.diagonal().mean() * torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
    return dual_coefficients(kernel + ridge, y, time=time / y.numel())


def _loss_of(x: Tensor, y: Tensor, rows: Tensor, coefficients: Tensor) -> Tensor:
    return F.cross_entropy(NETWORK.kernel(x, rows) @ coefficients, y, reduction="sum")


def describe_ntga(config: NTGAConfig, *, trained_on: int) -> dict[str, object]:
    """What the report says about NTGA, besides the method's name, the preset, the size and radius_u."""
    return {
        "source": "Yuan & Wu, ICML 2021; Fu et al. 2022, A.3.2",
        "surrogate": f"tangent kernel of an infinitely wide network of {NETWORK.depth} {NETWORK.activation} layers",
        "radius_a": 0,
        "eot": False,
        "trained_on_images": trained_on,
        "largest_block": config.block_size,
        "most_validation_images": config.validation_images,
        "time": config.time,
        "steps_per_image": config.steps,
    }
