"""One learner from its first weights to its curve: what a row of evidence is made of."""

import json
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.models.registry import build
from core.results.evidence import Curve
from core.results.protection import curve_from
from core.runtime.checkpoints import CheckpointStore
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.presets import LearnerSchedule
from core.training.learner import LEARNER, LabelledImages, train


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerData:
    """Pixels uint8 (n, c, s, s) and their labels int64 (n,)."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def on(self, device: Device) -> LabelledImages:
        """The same, where the device computes."""
        return LabelledImages(
            pixels=torch.from_numpy(np.ascontiguousarray(self.pixels)).to(device.name),
            labels=torch.from_numpy(self.labels).to(device.name),
        )


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
    lesson: LearnerConfig,
    data: LearnerData,
    test: LearnerData,
    *,
    classes: int,
    device: Device,
    progress: Progress,
    checkpoints: CheckpointStore | None = None,
    name: str = LEARNER,
) -> Curve:
    """Train one learner on `data`, countered first, and test it as it goes; the same lesson draws the same numbers.

    Unfinished training is kept on `checkpoints` as `name` and gone on with from there.
    """
    countermeasure = COUNTERMEASURES[lesson.countermeasure] if lesson.countermeasure else None
    learned, augment = data.on(device), None
    if countermeasure:
        treated = countermeasure.treat(learned.pixels, learned.labels, generator=device.generator(lesson.seed, 3))
        learned, augment = replace(learned, pixels=treated), countermeasure.augment
    _, channels, size, _ = data.pixels.shape
    model = build(
        lesson.architecture, channels=channels, size=size, classes=classes, seed=lesson.seed + 1, device=device.name
    )
    course = lesson.course
    return train(
        model,
        learned,
        test.on(device),
        threat=ThreatModel(norm=lesson.norm, radius=lesson.radius, steps=course.attack_steps, step=course.attack_step),
        updates=lesson.updates,
        batch=course.length.batch,
        learning_rate=course.learning_rate,
        device=device,
        generator=device.generator(lesson.seed, 2),
        progress=progress,
        augment=augment,
        checkpoints=checkpoints,
        name=name,
    )


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
    return curve_from(json.loads(data))
