"""Train a noise network and a surrogate together on the images of one protection: no search is made.

The surrogate learns from adversarial examples of protected images, as an adversarially trained model will. After each
of its updates the noise network takes a step. Both minimize the loss of Fu et al. 2022, Eq. (5), whose noise is here
a function of the image and its class.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.models.folded import FoldedModel
from core.models.registry import build_network
from core.noise.class_map import class_map
from core.noise.methods import objective_of
from core.noise.noise_network import NoiseNetwork
from core.noise.objective import Objective, attack, draw_transform, robust_loss
from core.noise.setup import NoiseSetup
from core.noise.train_noise_network import quantize_images
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.runtime.random_streams import RandomStream
from core.training.labelled_images import LabelledArrays
from core.training.loop import TrainingLoop, TrainingPlan
from core.training.sgd import DataParallelSGD

JOINT = "joint.safetensors"
SURROGATE_PREFIX = "surrogate/"  # of the surrogate's tensors in a checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class JointImages:
    """The images of a joint training, on its device.

    Attributes:
        pixels: uint8 (n, c, s, s).
        labels: The class of each image, which the surrogate learns; int64 (n,).
        outputs: The class of the noise network that stands for it; int64 (n,).
    """

    pixels: Tensor
    labels: Tensor
    outputs: Tensor


def train_jointly(
    network: NoiseNetwork, images: LabelledArrays, setup: NoiseSetup, run: RunContext, *, outputs: int
) -> NoiseNetwork:
    """Train a noise network on some images, together with a surrogate that starts from random weights.

    Args:
        network: A trained noise network for `outputs` classes, on the device of `run`; its weights change.
        images: The training images at the work size, of no more than `outputs` classes.
        setup: The method, its radii and its numbers. The preset has numbers for a joint training of the method.
        run: The checkpoints hold the state of the training, which starts from there.
        outputs: The number of classes of the noise network.

    Returns:
        The network in eval mode.

    Raises:
        ValueError: The preset has no joint training of the method.
    """
    config, device = setup.config.joint, run.device
    if config is None:
        raise ValueError(f"the preset {setup.preset.name} does not train {setup.method} jointly")
    count, channels, size, _ = images.pixels.shape
    surrogate = build_network(
        setup.preset.architecture,
        channels=channels,
        size=size,
        classes=images.classes,
        seed=setup.spec.seed,
        device=device.name,
    )
    training = JointTraining(
        network.train().requires_grad_(True),
        surrogate,
        _joint_images(images, device, outputs=outputs),
        replace(objective_of(setup, setup.config.training), samples=1),
        TrainingPlan.of(config.length, config.learning_rate, images=count, details=setup.preset.details),
        device=device,
        generator=device.generator(setup.spec.seed, RandomStream.NOISE_NETWORK),
    )
    run.progress.start("training", training.plan.updates)
    training.resume(run.progress, checkpoints=run.checkpoints, name=JOINT)
    training.save_checkpoint(run.checkpoints, JOINT)
    return network.eval()


def _joint_images(images: LabelledArrays, device: Device, *, outputs: int) -> JointImages:
    mapped: NDArray[np.int64] = class_map(images.classes, outputs=outputs)[images.labels]
    on_device, other = images.on(device), replace(images, labels=mapped).on(device)
    return JointImages(pixels=on_device.pixels, labels=on_device.labels, outputs=other.labels)


class JointTraining(TrainingLoop):
    """The training of both networks, which can be stopped after any step and resumed.

    Args:
        network: The noise network.
        surrogate: The surrogate, untrained.
        images: The training images.
        objective: The loss, the radii and the search of the adversary. With one draw of T.
        plan: How many updates of each, of how many images, at which learning rate.
        device: Where it computes.
        generator: All random numbers come from it.
    """

    def __init__(
        self,
        network: NoiseNetwork,
        surrogate: nn.Module,
        images: JointImages,
        objective: Objective,
        plan: TrainingPlan,
        *,
        device: Device,
        generator: torch.Generator,
    ) -> None:
        super().__init__(network, len(images.labels), plan, device=device, generator=generator, loss=self._loss)
        self.network, self.surrogate, self.images, self.objective = network, surrogate, images, objective
        self._surrogate_sgd = DataParallelSGD(surrogate, device, settings=plan.sgd)
        self._folded = FoldedModel(surrogate, dtype=device.dtype)
        self._progress = Progress()

    def train_step(self, progress: Progress) -> None:
        """One update of the surrogate on protected images, and one of the noise network against it."""
        self._progress = progress
        self._update_surrogate(next(self._batches))
        self._folded.refresh()
        batch = next(self._batches)
        seeds = torch.randint(2**62, batch.shape, generator=self.generator, device=batch.device)
        images = self.images
        self.update(images.pixels[batch], images.outputs[batch], images.labels[batch], seeds)

    def state(self) -> dict[str, Tensor]:
        """The state of every training loop, and that of the surrogate."""
        surrogate = {f"{SURROGATE_PREFIX}{name}": tensor for name, tensor in self._surrogate_sgd.state().items()}
        return {**super().state(), **surrogate}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from a state; see `TrainingLoop.restore`."""
        super().restore(state)
        prefix = SURROGATE_PREFIX
        self._surrogate_sgd.restore({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})

    def _update_surrogate(self, batch: Tensor) -> None:
        """Adversarial training (Fu et al. 2022, Eq. (2)) on the images with the noise that the network now gives."""
        self._folded.refresh()
        pixels, labels = self.images.pixels[batch], self.images.labels[batch]
        with torch.no_grad():
            protected = self._protect(self.network, pixels, self.images.outputs[batch])

        def adversarial_examples(x: Tensor, y: Tensor, *, generator: torch.Generator) -> Tensor:
            objective, tick = self.objective, self._progress.tick
            t = draw_transform(len(y), x.shape[-1], objective, generator=generator, enabled=objective.augment)
            transformed = t(x)
            return transformed + attack(self._folded, transformed, y, objective, generator=generator, tick=tick)

        x = self.device.map_chunks(adversarial_examples, protected, labels, rows_per_image=1, generator=self.generator)
        rate = self.plan.learning_rate.at(self.step, steps=self.plan.updates)
        self._surrogate_sgd.step(x, labels, learning_rate=rate)

    def _loss(self, network: nn.Module, pixels: Tensor, outputs: Tensor, labels: Tensor, seeds: Tensor) -> Tensor:
        """The robust loss of a part of a batch, summed over its images; the first of `seeds` seeds it."""
        generator = torch.Generator(pixels.device).manual_seed(int(seeds[0]))
        loss = robust_loss(self._folded, labels, self.objective, generator=generator, tick=self._progress.tick)
        return loss(self._protect(network, pixels, outputs))

    @staticmethod
    def _protect(network: nn.Module, pixels: Tensor, outputs: Tensor) -> Tensor:
        x = pixels.float() * PIXEL
        return quantize_images((x + network(x, outputs)).clamp(0, 1))
