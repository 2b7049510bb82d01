"""Train a noise network: it minimizes Eq. (5) by one function of all images, not by a delta_u for each image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.models.folded import FoldedModel
from core.noise.methods import objective_of
from core.noise.noise_network import NoiseNetwork, create_noise_network
from core.noise.objective import Objective, robust_loss
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.runtime.random_streams import RandomStream
from core.training.labelled_images import LabelledArrays, LabelledTensors
from core.training.loop import TrainingLoop, TrainingPlan

NOISE_NETWORK = "noise-network.safetensors"


def train_noise_network(
    surrogate: nn.Module, images: LabelledArrays, setup: NoiseSetup, run: RunContext, *, greyscale: bool = False
) -> NoiseNetwork | None:
    """Train the noise network of a trained surrogate.

    Args:
        surrogate: Images (n, c, s, s) in [0, 1] to logits; it stays unchanged.
        images: The training images at the work size, those of the surrogate.
        setup: The method, its radii and its numbers.
        run: The checkpoints hold the state of the training, which starts from there.
        greyscale: Whether part of the loss is that of greyscale images. For them a second surrogate is trained here,
            which no file keeps.

    Returns:
        The noise network in eval mode, or None where the preset has none for the method.
    """
    spec, config, device = setup.spec, setup.config, run.device
    if config.network_length is None:
        return None
    count, channels, size, _ = images.pixels.shape
    training = NoiseNetworkTraining(
        create_noise_network(
            surrogate, channels=channels, size=size, classes=images.classes, radius=spec.radius_u, seed=spec.seed
        ),
        _surrogates(surrogate, images, setup, run, greyscale=greyscale),
        images.on(device),
        TrainingPlan.of(config.network_length, config.learning_rate, images=count),
        device=device,
        generator=device.generator(spec.seed, RandomStream.NOISE_NETWORK),
    )
    run.progress.start("network", training.plan.updates)
    training.resume(run.progress, checkpoints=run.checkpoints, name=NOISE_NETWORK)
    training.save_checkpoint(run.checkpoints, NOISE_NETWORK)
    return training.network.eval()


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedSurrogate:
    """One term of a noise network's loss.

    Attributes:
        surrogate: A trained network, which stays unchanged.
        objective: The loss on this surrogate. The steps of its search do not count: no search is made.
        weight: The weight of this term; those of all terms sum to 1.
    """

    surrogate: nn.Module
    objective: Objective
    weight: float = 1.0


def _surrogates(
    surrogate: nn.Module, images: LabelledArrays, setup: NoiseSetup, run: RunContext, *, greyscale: bool
) -> list[WeightedSurrogate]:
    """The terms of the loss: the surrogate, and with `greyscale` a second one that is trained on greyscale images."""
    config = setup.config
    objective = replace(objective_of(setup, config.final), samples=1)
    if not greyscale:
        return [WeightedSurrogate(surrogate=surrogate, objective=objective)]
    second = train_surrogate(images, setup, run, greyscale=config.greyscale_probability)
    return [
        WeightedSurrogate(surrogate=surrogate, objective=objective, weight=1 - config.greyscale_share),
        WeightedSurrogate(surrogate=second, objective=replace(objective, greyscale=1.0), weight=config.greyscale_share),
    ]


class NoiseNetworkTraining(TrainingLoop):
    """The training of a noise network, which can be stopped after any step and resumed.

    Args:
        network: The noise network to train.
        surrogates: The terms of the loss; their weights sum to 1.
        images: The training images, on `device`.
        plan: How many updates, of how many images, at which learning rate.
        device: Where it computes.
        generator: All random numbers come from it.
    """

    def __init__(
        self,
        network: NoiseNetwork,
        surrogates: Sequence[WeightedSurrogate],
        images: LabelledTensors,
        plan: TrainingPlan,
        *,
        device: Device,
        generator: torch.Generator,
    ) -> None:
        super().__init__(network, len(images), plan, device=device, generator=generator, loss=self._loss)
        self.network, self.images = network, images
        self._terms = [(term, FoldedModel(term.surrogate, dtype=device.dtype)) for term in surrogates]
        self._progress = Progress()

    def train_step(self, progress: Progress) -> None:
        """One update on a batch of images, each with the noise that the network now gives it."""
        self._progress = progress
        batch = next(self._batches)
        seeds = torch.randint(2**62, batch.shape, generator=self.generator, device=batch.device)
        self.update(self.images.pixels[batch], self.images.labels[batch], seeds)

    def _loss(self, network: nn.Module, pixels: Tensor, y: Tensor, seeds: Tensor) -> Tensor:
        """The weighted robust loss of a part of a batch, summed over its images; the first of `seeds` seeds it."""
        generator = torch.Generator(pixels.device).manual_seed(int(seeds[0]))
        x = pixels.float() * PIXEL
        protected = quantize_images((x + network(x, y)).clamp(0, 1))
        losses = []
        for term, folded in self._terms:
            loss = robust_loss(folded, y, term.objective, generator=generator, tick=self._progress.tick)
            losses.append(term.weight * loss(protected) / term.objective.samples)
        return torch.stack(losses).sum()


def quantize_images(x: Tensor) -> Tensor:
    """Round images to whole pixel units, as they are delivered; with a straight-through gradient (Bengio et al. 2013).

    Args:
        x: Images (n, c, h, w) in [0, 1].
    """
    return x + ((x * 255).round() * PIXEL - x).detach()
