"""How much of the paper's setting a run takes: `laptop` is two cores, `gpu` one GPU, `paper` the setting to the letter.

What each costs is in docs/lab/experiments.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from core.specs.configs import LearnerSchedule, Preset, TrainingLength, recorded
from core.specs.lr_schedule import LearningRate
from core.specs.presets import preset_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Which recipes, how many images, and which network stands in for which of the paper's.

    `preset` gives the recipes for images of a size. `train` and `test` are numbers of images, shared evenly by the
    classes; None takes all. `course` names which of the preset's courses the learners take; `courses` has the learners
    that take another, by the paper's name of their network.
    """

    name: str
    preset: Callable[[int], Preset]
    largest: int  # px at which images are worked on at most
    course: str
    train: int | None = None
    test: int | None = None
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    courses: Mapping[str, LearnerSchedule] = field(default_factory=dict)

    def course_for(self, size: int, architecture: str) -> LearnerSchedule:
        """How learners of images of `size` px are trained where the paper has `architecture`."""
        return self.courses.get(architecture) or self.preset(size).schedules[self.course]

    def network(self, architecture: str) -> str:
        """The network that is trained where the paper has `architecture`."""
        return self.stand_ins.get(architecture, architecture)

    def settings(self, size: int) -> dict[str, Any]:
        """Everything that a measurement at this scale depends on beside the data, as JSON takes it."""
        return {
            "scale": self.name,
            "preset": recorded(self.preset(size)),
            "course": self.course,
            "train": self.train,
            "test": self.test,
            "stand_ins": dict(self.stand_ins),
            "courses": {architecture: recorded(course) for architecture, course in self.courses.items()},
        }


_NARROW = {
    "vgg16": "vgg16-narrow",
    "resnet50": "resnet50-narrow",
    "densenet121": "densenet121-narrow",
    "wrn34-10": "wrn34-1",
}
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
            largest=preset_for("quick", 32).max_size,
            course="quick",
            train=8_000,
            test=2_000,
            stand_ins={"resnet18": "small", **_NARROW},
            courses=dict.fromkeys(_NARROW, _SHORT),
        ),
        Scale(
            name="gpu",
            preset=partial(preset_for, "standard"),
            largest=preset_for("standard", 32).max_size,
            course="quick",
        ),
        Scale(
            name="paper",
            preset=partial(preset_for, "paper"),
            largest=preset_for("paper", 32).max_size,
            course="full",
        ),
    )
}
