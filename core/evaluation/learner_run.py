"""One learner, from its random weights to its accuracy curve."""

import json
from dataclasses import asdict, dataclass, replace

from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.models.registry import build_network
from core.results.evidence import Curve
from core.runtime.context import RunContext
from core.runtime.progress import Progress
from core.runtime.random_streams import RandomStream
from core.specs.configs import LearnerSchedule
from core.training.labelled_images import LabelledArrays
from core.training.learner import LEARNER_CHECKPOINT, LearnerImages, LearnerMethod, train
from core.training.loop import TrainingPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerConfig:
    """How one learner is trained.

    Attributes:
        architecture: Name of the network.
        norm: Norm of the adversarial training.
        radius: Radius of the adversarial training, of 255; 0 is standard training.
        countermeasure: What is done to the images first; None for nothing.
        seed: Of all random numbers.
        updates: Updates of the weights.
        schedule: Batch size, learning rate and the steps of the attack.
    """

    architecture: str
    norm: str = "Linf"
    radius: int
    countermeasure: str | None
    seed: int
    updates: int
    schedule: LearnerSchedule


def load_curve(run: RunContext, name: str) -> Curve | None:
    """The curve that `measure_curve` saved under a name, or None."""
    data = run.checkpoints.load(f"{name}.json")
    return None if data is None else Curve.from_dict(json.loads(data))


def measure_curve(
    config: LearnerConfig, images: LabelledArrays, test: LabelledArrays, run: RunContext, *, name: str
) -> Curve:
    """Train one learner, save its curve, and remove the checkpoint of its training.

    Args:
        config: How the learner is trained.
        images: The training images, before the countermeasure.
        test: Clean images.
        run: Its checkpoints keep the curve and the unfinished training.
        name: Of the curve in the checkpoints.
    """
    unfinished = f"{name}.safetensors"
    curve = run_learner(config, images, test, run, name=unfinished)
    run.checkpoints.save(f"{name}.json", json.dumps(asdict(curve)).encode())
    run.checkpoints.delete(unfinished)
    return curve


def run_learner(
    config: LearnerConfig,
    images: LabelledArrays,
    test: LabelledArrays,
    run: RunContext,
    *,
    name: str = LEARNER_CHECKPOINT,
) -> Curve:
    """Train one learner and test it during training. The same config draws the same random numbers.

    Args:
        config: How the learner is trained.
        images: The training images, before the countermeasure.
        test: Clean images.
        run: Training continues from its checkpoint.
        name: Of that checkpoint.

    Returns:
        The accuracy on the test images and the training loss, with one entry for each test during training.
    """
    device, schedule = run.device, config.schedule
    countermeasure = COUNTERMEASURES[config.countermeasure] if config.countermeasure else None
    learned, augment = images.on(device), None
    if countermeasure:
        generator = device.generator(config.seed, RandomStream.COUNTERMEASURE)
        treated = countermeasure.preprocess(learned.pixels, learned.labels, generator=generator)
        learned, augment = replace(learned, pixels=treated), countermeasure.augment
    _, channels, size, _ = images.pixels.shape
    model = build_network(
        config.architecture,
        channels=channels,
        size=size,
        classes=images.classes,
        seed=config.seed + 1,
        device=device.name,
    )
    method = LearnerMethod(
        threat=ThreatModel(
            norm=config.norm, radius=config.radius, steps=schedule.attack_steps, step=schedule.attack_step
        ),
        plan=TrainingPlan(updates=config.updates, batch=schedule.length.batch, learning_rate=schedule.learning_rate),
        augment=augment,
    )
    both = LearnerImages(train=learned, test=test.on(device))
    generator = device.generator(config.seed, RandomStream.LEARNER)
    return train(model, both, method, run, generator=generator, name=name)


class ScaledProgress(Progress):
    """Progress of a part that counts in other units than the whole.

    Args:
        whole: The progress of the whole.
        units: Units of the whole for each unit of the part, also a fraction.
    """

    def __init__(self, whole: Progress, units: float) -> None:
        super().__init__()
        self._whole, self._units = whole, units
        self._part = 0

    def advance(self, units: int = 1) -> None:
        before, self._part = round(self._part * self._units), self._part + units
        self._whole.advance(round(self._part * self._units) - before)

    def tick(self) -> None:
        self._whole.tick()
