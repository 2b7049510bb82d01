"""Train the surrogate f' of Algorithm 1 (Fu et al. 2022). Its last state makes the noise: it is the noise generator."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.models.folded import FoldedModel
from core.models.registry import build_network
from core.noise.methods import objective_of
from core.noise.objective import Objective, attack, draw_transform, transformed_pixels
from core.noise.optimize import optimize_noise, quantize_noise
from core.noise.setup import NoiseSetup
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.training.labelled_images import LabelledArrays, LabelledTensors
from core.training.loop import TrainingLoop, TrainingPlan

SURROGATE = "surrogate.safetensors"
GREYSCALE_SURROGATE = "grey-surrogate.safetensors"


def train_surrogate(images: LabelledArrays, setup: NoiseSetup, run: RunContext, *, greyscale: float = 0.0) -> nn.Module:
    """Train the surrogate of a method on some images.

    Args:
        images: The training images at the work size.
        setup: The method, its radii and its numbers.
        run: The checkpoints hold the state of the training, which starts from there.
        greyscale: The chance with which T turns an image to greyscale. Above 0 this is the second surrogate of a noise
            network, and has a stage of progress and a checkpoint of its own.

    Returns:
        The surrogate in eval mode: images (n, c, s, s) in [0, 1] to logits (n, classes).
    """
    spec, config, device = setup.spec, setup.config, run.device
    count, channels, size, _ = images.pixels.shape
    training = SurrogateTraining(
        build_network(
            setup.preset.architecture,
            channels=channels,
            size=size,
            classes=images.classes,
            seed=spec.seed,
            device=device.name,
        ),
        images.on(device),
        replace(objective_of(setup, config.training), greyscale=greyscale),
        TrainingPlan.of(config.length, config.learning_rate, images=count, details=setup.preset.details),
        device=device,
        generator=device.generator(spec.seed),
    )
    stage, name = ("grey", GREYSCALE_SURROGATE) if greyscale else ("training", SURROGATE)
    run.progress.start(stage, training.plan.updates)
    training.resume(run.progress, checkpoints=run.checkpoints, name=name)
    training.save_checkpoint(run.checkpoints, name)
    return training.model.eval()


class SurrogateTraining(TrainingLoop):
    """Algorithm 1 as a training that can be stopped after any step and resumed.

    Args:
        model: The network to train.
        images: The training images, on `device`.
        objective: The loss, the radii and the steps of the searches.
        plan: M of Algorithm 1 is `plan.updates`.
        device: Where it computes.
        generator: All random numbers come from it.
    """

    def __init__(
        self,
        model: nn.Module,
        images: LabelledTensors,
        objective: Objective,
        plan: TrainingPlan,
        *,
        device: Device,
        generator: torch.Generator,
    ) -> None:
        super().__init__(model, len(images), plan, device=device, generator=generator)
        self.images, self.objective = images, objective
        self._folded = FoldedModel(model, dtype=device.dtype)

    def train_step(self, progress: Progress) -> None:
        """Lines 7 to 19 of Algorithm 1."""
        batch = next(self._batches)
        self._folded.refresh()

        def adversarial_examples(pixels: Tensor, y: Tensor, *, generator: torch.Generator) -> Tensor:
            objective, tick = self.objective, progress.tick
            pixels = transformed_pixels(pixels, objective, generator=generator)
            x = pixels.float() * PIXEL
            delta_u = optimize_noise(self._folded, x, y, objective, generator=generator, tick=tick)
            protected = (pixels + quantize_noise(delta_u, pixels, objective.radius_u)).float() * PIXEL
            enabled = objective.augment and not objective.transforms_first
            t = draw_transform(len(y), x.shape[-1], objective, generator=generator, enabled=enabled)
            transformed = t(protected)
            return transformed + attack(self._folded, transformed, y, objective, generator=generator, tick=tick)

        pixels, y = self.images.pixels[batch], self.images.labels[batch]
        x = self.device.map_chunks(
            adversarial_examples, pixels, y, rows_per_image=self.objective.samples, generator=self.generator
        )
        self.update(x, y)
