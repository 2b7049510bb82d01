"""One learner from its first weights to its curve: what a row of evidence is made of."""

import json
from dataclasses import asdict, dataclass, replace

from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.models.registry import build
from core.results.evidence import Curve
from core.runtime.context import RunContext
from core.runtime.progress import Progress
from core.specs.configs import LearnerSchedule
from core.training.labelled_images import LabelledArrays
from core.training.learner import LEARNER_CHECKPOINT, LearnerImages, LearnerMethod, train
from core.training.loop import TrainingPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerConfig:
    """How one learner is trained; its adversary's `radius` is of 255, and 0 is standard training."""

    architecture: str
    norm: str = "Linf"
    radius: int
    countermeasure: str | None
    seed: int
    updates: int
    course: LearnerSchedule


def learn(
    config: LearnerConfig,
    images: LabelledArrays,
    test: LabelledArrays,
    run: RunContext,
    *,
    name: str = LEARNER_CHECKPOINT,
) -> Curve:
    """Train one learner, and test it as it learns. The same config draws the same random numbers.

    Args:
        config: The architecture, the adversary, the countermeasure and the seed.
        images: The training images, as the learner gets them, before the countermeasure.
        test: Clean images.
        run: The training starts from its checkpoint.
        name: The name of the checkpoint.
    """
    device, schedule = run.device, config.course
    countermeasure = COUNTERMEASURES[config.countermeasure] if config.countermeasure else None
    learned, augment = images.on(device), None
    if countermeasure:
        treated = countermeasure.preprocess(learned.pixels, learned.labels, generator=device.generator(config.seed, 3))
        learned, augment = replace(learned, pixels=treated), countermeasure.augment
    _, channels, size, _ = images.pixels.shape
    model = build(
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
    return train(model, both, method, run, generator=device.generator(config.seed, 2), name=name)


class Units(Progress):
    """Progress that counts `units` of the whole for each update of a learner."""

    def __init__(self, whole: Progress, units: int) -> None:
        super().__init__()
        self._whole, self._units = whole, units

    def advance(self, units: int = 1) -> None:
        self._whole.advance(units * self._units)

    def tick(self) -> None:
        self._whole.tick()


def pack_curve(curve: Curve) -> bytes:
    """A curve for the shelf."""
    return json.dumps(asdict(curve)).encode()


def unpack_curve(data: bytes) -> Curve:
    """The curve that `pack_curve` packed."""
    return Curve.from_dict(json.loads(data))
