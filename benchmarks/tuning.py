"""A surrogate that starts from the weights of a trained generator, for a short training on unseen classes."""

import copy
from dataclasses import replace

from torch import nn

from benchmarks.pretrained import start_from
from core.models.registry import build_network
from core.noise.generator_file import TrainedGenerator, surrogate_for
from core.noise.methods import objective_of
from core.noise.setup import NoiseSetup
from core.noise.surrogate import SURROGATE, SurrogateTraining
from core.runtime.context import RunContext
from core.training.labelled_images import LabelledArrays
from core.training.loop import TrainingPlan


def surrogate_from(generator: TrainedGenerator, *, channels: int, classes: int, seed: int) -> nn.Module:
    """Copy the surrogate of a generator, for other images.

    Args:
        generator: The trained generator.
        channels: The channels of the images, 1 or 3.
        classes: The number of outputs needed. If the surrogate has fewer, its last layer is replaced by a random one.
        seed: The seed of the new last layer.
    """
    card = generator.card
    if classes <= card.classes:
        model = copy.deepcopy(generator.model)
    else:
        device = str(next(generator.model.parameters()).device)
        model = build_network(
            card.architecture, channels=card.channels, size=card.size, classes=classes, seed=seed, device=device
        )
        start_from(model, generator.model.state_dict())
    return surrogate_for(replace(generator, model=model), channels=channels)


def tune_surrogate(
    generator: TrainedGenerator, images: LabelledArrays, setup: NoiseSetup, run: RunContext
) -> nn.Module:
    """Train a surrogate as `core.noise.surrogate.train_surrogate` does, but from the weights of a generator.

    Args:
        generator: The trained generator.
        images: The images to train on.
        setup: The method, the radii and the training.
        run: The device, the progress and the checkpoints.
    """
    config, seed = setup.config, setup.spec.seed
    training = SurrogateTraining(
        surrogate_from(generator, channels=images.pixels.shape[1], classes=images.classes, seed=seed),
        images.on(run.device),
        objective_of(setup, config.training),
        TrainingPlan.of(config.length, config.learning_rate, images=len(images)),
        device=run.device,
        generator=run.device.generator(seed),
    )
    run.progress.start("training", training.plan.updates)
    training.resume(run.progress, checkpoints=run.checkpoints, name=SURROGATE)
    return training.model.eval()
