"""One learner, from its random weights to its accuracy curve."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from torch import nn

from core.attacks.photographs import photograph_transform
from core.attacks.threat_model import ThreatModel
from core.attacks.transforms import sample_transform
from core.countermeasures.registry import COUNTERMEASURES
from core.evaluation.kept_curves import kept_curve_name
from core.models.efficientnet_lite import EfficientNetLite0
from core.models.pretrained import load_pretrained
from core.models.registry import build_network
from core.results.evidence import Curve
from core.runtime.context import RunContext
from core.runtime.progress import Progress
from core.runtime.random_streams import RandomStream
from core.specs.catalog import PRETRAINED_LABELS, PROBE
from core.specs.configs import LearnerSchedule
from core.training.labelled_images import LabelledArrays
from core.training.learner import LEARNER_CHECKPOINT, LearnerImages, LearnerMethod, train
from core.training.linear_probe import train_linear_probe
from core.training.loop import TrainingPlan
from core.training.sgd import PAPER_SGD, SGDSettings

FINE_TUNING = SGDSettings(part_images=16, weight_decay=1e-4, body_rate=0.2, bfloat16_on_cpu=False)
"""A pretrained body needs a lower rate than a new classifier. A batch is small, so its parts are too."""
FINE_TUNING_MOMENTUM = 0.1
"""Of the running statistics of batch norm: a short training must leave them those of the new images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerConfig:
    """How one learner is trained.

    Attributes:
        architecture: Name of the learner, a key of LEARNER_LABELS.
        norm: Norm of the adversarial training.
        radius: Radius of the adversarial training, of 255; 0 is standard training.
        countermeasure: What is done to the images first; None for nothing.
        seed: Of all random numbers.
        updates: Updates of the weights.
        schedule: Batch size, learning rate and the steps of the attack.
        photographs: Whether each batch is cropped, mirrored and coloured as photographs are; else by T of the paper.
    """

    architecture: str
    norm: str = "Linf"
    radius: int
    countermeasure: str | None
    seed: int
    updates: int
    schedule: LearnerSchedule
    photographs: bool = False


def load_curve(run: RunContext, name: str) -> Curve | None:
    """The curve that `measure_curve` saved under a name, or None.

    Args:
        run: Its checkpoints may have the curve.
        name: Of the curve in the checkpoints.
    """
    data = run.checkpoints.load(f"{name}.json")
    return None if data is None else Curve.from_dict(json.loads(data))


def measure_curve(
    config: LearnerConfig,
    images: LabelledArrays,
    test: LabelledArrays,
    run: RunContext,
    *,
    name: str,
    keep: bool = False,
) -> Curve:
    """Train one learner, save its curve, and remove the checkpoint of its training.

    Args:
        config: How the learner is trained.
        images: The training images, before the countermeasure.
        test: Clean images.
        run: Its checkpoints keep the curve and the unfinished training.
        name: Of the curve in the checkpoints.
        keep: Whether later jobs of the dataset train the same learner, as those on originals are. Its curve is then
            kept for them, and nothing is trained where an earlier job kept it.
    """
    unfinished = f"{name}.safetensors"
    shared = kept_curve_name(asdict(config), images, test, run) if keep else None
    data = None if shared is None else run.kept_curves.load(shared)
    if data is None:
        curve = run_learner(config, images, test, run, name=unfinished)
        data = json.dumps(asdict(curve)).encode()
        if shared is not None:
            run.kept_curves.save(shared, data)
    else:
        run.progress.advance(config.updates)
    run.checkpoints.save(f"{name}.json", data)
    run.checkpoints.delete(unfinished)
    return Curve.from_dict(json.loads(data))


def keep_curve(
    curve: Curve, config: LearnerConfig, images: LabelledArrays, test: LabelledArrays, run: RunContext
) -> None:
    """Keep a curve that a helper measured for later jobs of the dataset; helpers keep nothing themselves.

    Args:
        curve: What the learner reached.
        config: How it was trained.
        images: Its training images, which are originals.
        test: Clean images.
        run: Its kept curves get this one, unless they have it.
    """
    name = kept_curve_name(asdict(config), images, test, run)
    if run.kept_curves.load(name) is None:
        run.kept_curves.save(name, json.dumps(asdict(curve)).encode())


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
    both = LearnerImages(train=learned, test=test.on(device))
    model = _initial_network(config, images, run)
    if config.architecture == PROBE:
        assert isinstance(model, EfficientNetLite0), "it is a pretrained learner"
        return train_linear_probe(model, both, run, classes=images.classes)
    method = LearnerMethod(
        threat=ThreatModel(
            norm=config.norm, radius=config.radius, steps=schedule.attack_steps, step=schedule.attack_step
        ),
        plan=TrainingPlan(
            updates=config.updates,
            batch=schedule.length.batch,
            learning_rate=schedule.learning_rate,
            sgd=FINE_TUNING if config.architecture in PRETRAINED_LABELS else PAPER_SGD,
        ),
        augment=augment,
        draw_transform=photograph_transform if config.photographs else sample_transform,
    )
    generator = device.generator(config.seed, RandomStream.LEARNER)
    return train(model, both, method, run, generator=generator, name=name)


def _initial_network(config: LearnerConfig, images: LabelledArrays, run: RunContext) -> nn.Module:
    """The network with random weights, or with those of ImageNet and a random classifier."""
    if config.architecture in PRETRAINED_LABELS:
        network = load_pretrained(run.pretrained_weights, device=run.device.name)
        network.replace_classifier(images.classes, seed=config.seed + 1)
        network.set_norm_momentum(FINE_TUNING_MOMENTUM)
        return network
    _, channels, size, _ = images.pixels.shape
    return build_network(
        config.architecture,
        channels=channels,
        size=size,
        classes=images.classes,
        seed=config.seed + 1,
        device=run.device.name,
    )


class ScaledProgress(Progress):
    """Progress of a part that counts in other units than the whole.

    Args:
        whole: The progress of the whole.
        units: Units of the whole for each unit of the part, also a fraction.
        check: Called with each step of the part; what it raises stops the part.
    """

    def __init__(self, whole: Progress, units: float, *, check: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._whole, self._units, self._check = whole, units, check
        self._part = 0

    def advance(self, units: int = 1) -> None:
        """Count units of the part."""
        before, self._part = round(self._part * self._units), self._part + units
        self._whole.advance(round(self._part * self._units) - before)
        self._check()

    def tick(self) -> None:
        """Check whether the whole, or the part, must stop."""
        self._whole.tick()
        self._check()
