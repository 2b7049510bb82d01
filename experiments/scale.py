"""How much of the paper's setting a run takes: `laptop` for two cores, `gpu` for one GPU, `paper` for the full setting.

Their costs are in docs/lab/experiments.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from core.specs.configs import LearnerSchedule, Preset, TrainingLength, recorded
from core.specs.lr_schedule import LearningRate
from core.specs.presets import like_official_code, preset_for

FILTERS = "as OpenCV"
"""How the 3 x 3 filters of Table 10 compute; older results folders have none, because their filters differed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How many images to take, how to make noise, and how to train learners.

    Attributes:
        name: of the scale.
        preset: the preset for images of a size.
        max_size: largest side of an image in pixels; larger images are scaled down.
        schedule: which of the preset's schedules the learners take.
        train: training images, shared evenly by the classes; None for all.
        test: test images, shared evenly by the classes; None for all.
        stand_ins: the network that is trained in place of one of the paper's.
        schedules: learners with another schedule, by the paper's name of the network.
    """

    name: str
    preset: Callable[[int], Preset]
    max_size: int
    schedule: str
    train: int | None = None
    test: int | None = None
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    schedules: Mapping[str, LearnerSchedule] = field(default_factory=dict)

    def schedule_for(self, size: int, architecture: str) -> LearnerSchedule:
        """How the learner in place of the paper's `architecture` is trained on images of `size` pixels."""
        return self.schedules.get(architecture) or self.preset(size).schedules[self.schedule]

    def network(self, architecture: str) -> str:
        """The network that is trained in place of the paper's `architecture`."""
        return self.stand_ins.get(architecture, architecture)

    def settings(self, size: int) -> dict[str, Any]:
        """All that a measurement at this scale depends on besides the data, for JSON. The keys identify old results."""
        return {
            "scale": self.name,
            "preset": recorded(self.preset(size)),
            "course": self.schedule,
            "train": self.train,
            "test": self.test,
            "stand_ins": dict(self.stand_ins),
            "courses": {name: recorded(schedule) for name, schedule in self.schedules.items()},
            "filters": FILTERS,
        }


def with_official_details(scale: Scale) -> Scale:
    """The scale with what the papers leave open settled as in their official code; see `like_official_code`."""
    return replace(scale, preset=lambda size: like_official_code(scale.preset(size)))


_NARROW = {
    "vgg16": "vgg16-narrow",
    "resnet50": "resnet50-narrow",
    "densenet121": "densenet121-narrow",
    "wrn34-10": "wrn34-1",
}
_LAPTOP = replace(preset_for("quick", 32).schedules["quick"], attack_steps=4, attack_step=0.3)
_SHORT = LearnerSchedule(
    length=TrainingLength(epochs=0, min_updates=300, max_updates=300),
    learning_rate=LearningRate(peak=0.1),
    attack_steps=2,
    attack_step=0.6,
)

SCALES = {
    scale.name: scale
    for scale in (
        Scale(
            name="laptop",
            preset=partial(preset_for, "quick"),
            max_size=preset_for("quick", 32).max_size,
            schedule="quick",
            train=8_000,
            test=2_000,
            stand_ins={"resnet18": "small", **_NARROW},
            schedules={"resnet18": _LAPTOP} | dict.fromkeys(_NARROW, _SHORT),
        ),
        Scale(
            name="gpu",
            preset=partial(preset_for, "standard"),
            max_size=preset_for("standard", 32).max_size,
            schedule="quick",
        ),
        Scale(
            name="paper",
            preset=partial(preset_for, "paper"),
            max_size=preset_for("paper", 32).max_size,
            schedule="full",
        ),
    )
}
