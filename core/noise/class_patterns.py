"""Train a pattern for each class of photographs together with a pretrained network: error-minimizing noise for classes.

In each step the network learns from transformed photographs with the patterns of their classes, and the patterns take a
step of signed gradient descent down the same loss. The noise of a photograph is the pattern of its class times an
amplitude that hides in the photograph's local contrast. Classes with one pattern each: Huang et al., ICLR 2021,
Section 3.2. The pretrained start, the amplitude and steps of both at once are ours.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.attacks.photographs import luma_of, photograph_transform
from core.attacks.transforms import random_greyscale
from core.models.pretrained import load_pretrained
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.runtime.random_streams import RandomStream
from core.specs.local_contrast import AMPLITUDE_PER_CONTRAST, FLAT_AMPLITUDE, MAX_AMPLITUDE, MAX_CONTRAST, MIN_BLOCK
from core.specs.lr_schedule import LearningRate
from core.training.labelled_images import LabelledArrays, LabelledTensors
from core.training.loop import TrainingLoop, TrainingPlan
from core.training.sgd import SGDSettings

CHECKPOINT = "class-patterns.safetensors"
FINE_TUNING = SGDSettings(part_images=16, weight_decay=1e-4, body_rate=0.2, bfloat16_on_cpu=False)
"""A pretrained body needs a lower rate than a new classifier."""
PEAK_RATE = 0.1
"""Of the classifier; the body has its share of it."""
BATCH = 32
PATTERN_STEP = 0.06
"""Largest step of a pattern, whose values lie between -1 and 1; it falls to zero as the learning rate does."""
GREYSCALE_PROBABILITY = 0.5
"""Share of the photographs that the network sees in greyscale, so that the patterns work there too."""
INITIAL_SPREAD = 0.3
"""Standard deviation of the random patterns at the beginning."""


class PatternedNetwork(nn.Module):
    """A network and the patterns that it learns with.

    Attributes:
        patterns: One for each class, the same in all colours, (classes, 1, s, s) in [-1, 1].
    """

    def __init__(self, network: nn.Module, patterns: Tensor) -> None:
        super().__init__()
        self.patterns = nn.Parameter(patterns)
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)


def train_class_patterns(images: LabelledArrays, run: RunContext, *, updates: int, seed: int) -> NDArray[np.int8]:
    """Train a pattern for each class.

    Args:
        images: The photographs to learn from.
        run: The weights that the network starts from; the checkpoints hold the state of the training.
        updates: Steps of the network and of the patterns.
        seed: Of all random numbers.

    Returns:
        int8 (classes, s, s); 127 stands for the amplitude.

    Raises:
        BadInput: There are no pretrained weights on this machine.
    """
    device = run.device
    generator = device.generator(seed, RandomStream.NOISE_NETWORK)
    network = load_pretrained(run.pretrained_weights, device=device.name)
    network.replace_classifier(images.classes, seed=seed)
    size = images.pixels.shape[-1]
    start = torch.randn(images.classes, 1, size, size, generator=generator, device=generator.device)
    model = PatternedNetwork(network, (INITIAL_SPREAD * start).clamp(-1, 1).to(device.name))
    training = PatternTraining(
        model,
        images.on(device),
        TrainingPlan(updates=updates, batch=BATCH, learning_rate=LearningRate(peak=PEAK_RATE), sgd=FINE_TUNING),
        device=device,
        generator=generator,
    )
    run.progress.start("training", updates)
    training.resume(run.progress, checkpoints=run.checkpoints, name=CHECKPOINT)
    training.save_checkpoint(run.checkpoints, CHECKPOINT)
    values = model.patterns.detach()[:, 0].cpu().numpy()
    return np.rint(127 * values).astype(np.int8)


class PatternTraining(TrainingLoop):
    """The training of the network and of the patterns, which can be stopped after any step and resumed.

    Args:
        model: The pretrained network with the patterns at the beginning.
        photographs: What it learns from.
        plan: How many updates, of how many photographs, at which learning rate.
        device: Where it computes.
        generator: All random numbers come from it.
    """

    def __init__(
        self,
        model: PatternedNetwork,
        photographs: LabelledTensors,
        plan: TrainingPlan,
        *,
        device: Device,
        generator: torch.Generator,
    ) -> None:
        super().__init__(model, len(photographs), plan, device=device, generator=generator, loss=_loss)
        self._patterns, self._photographs = model.patterns, photographs

    def train_step(self, progress: Progress) -> None:
        """One update of the network, and one of the patterns by the gradient of the same batch."""
        batch, images = next(self._batches), self._photographs
        seeds = torch.randint(2**62, batch.shape, generator=self.generator, device=batch.device)
        before = self._patterns.detach().clone()
        self.update(images.pixels[batch], images.labels[batch], seeds)
        assert self._patterns.grad is not None
        step = PATTERN_STEP * self.plan.learning_rate.at(self.step, steps=self.plan.updates) / PEAK_RATE
        with torch.no_grad():  # in place of the network's own step, which moved the patterns too
            self._patterns.copy_((before - step * self._patterns.grad.sign()).clamp_(-1, 1))
        progress.tick()


def _loss(model: nn.Module, pixels: Tensor, labels: Tensor, seeds: Tensor) -> Tensor:
    """The cross-entropy on a part of a batch, summed over its photographs; the first of `seeds` seeds it."""
    assert isinstance(model, PatternedNetwork)
    generator = torch.Generator(pixels.device).manual_seed(int(seeds[0]))
    transform = photograph_transform(len(labels), pixels.shape[-1], generator=generator)
    to_greyscale = random_greyscale(len(labels), GREYSCALE_PROBABILITY, generator=generator)
    x = pixels.float()
    protected = (PIXEL * (x + amplitude(x) * model.patterns[labels])).clamp(0, 1)
    return F.cross_entropy(model(to_greyscale(transform(protected))), labels, reduction="sum")


def amplitude(x: Tensor) -> Tensor:
    """How strong noise may be at each pixel, as `core.imaging.perceptual_bound.amplitude` has it for whole images.

    Args:
        x: Photographs float (n, c, s, s), of 255.

    Returns:
        float (n, 1, s, s), of 255.
    """
    luma = luma_of(x) - 128
    blocks = (max(1, round(x.shape[-2] / MIN_BLOCK)), max(1, round(x.shape[-1] / MIN_BLOCK)))
    mean, square = (_resized(values, blocks) for values in (luma, luma.square()))
    contrast = (square - mean.square()).clamp(min=0).sqrt().clamp(max=MAX_CONTRAST)
    allowed = (FLAT_AMPLITUDE + AMPLITUDE_PER_CONTRAST * contrast).clamp(max=MAX_AMPLITUDE)
    return _resized(allowed, (x.shape[-2], x.shape[-1]))


def _resized(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Resized by an antialiased triangle filter, as Pillow does."""
    return F.interpolate(values, size=size, mode="bilinear", antialias=True)
