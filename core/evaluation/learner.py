"""One learner of an evaluation as a piece: what it is called, how it is trained, and on which images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import TypeAdapter

from core.evaluation.learner_run import LearnerConfig
from core.runtime.checkpoints import CheckpointStore
from core.training.labelled_images import LabelledArrays

CHECKPOINT = "pieces.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoice:
    """Which images of an evaluation a learner gets.

    Attributes:
        arm: Which version of the images it is trained on: "before", "after" or "rest".
        size: Side of the images in pixels; None for that of the report.
        train_images: How many training images; None for all.
        test_images: How many test images; None for all.
        percentage: Share of protected images, in per cent.
        seed: Of the choice.
    """

    arm: str
    size: int | None = None
    train_images: int | None = None
    test_images: int | None = None
    percentage: int = 100
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """One learner.

    Attributes:
        name: Of its curve in the checkpoints: all that the learner and its test depend on, within one computation.
        config: How it is trained.
        choice: Its images.
        units: Units of the progress of the whole for each of its updates, also a fraction.
    """

    name: str
    config: LearnerConfig
    choice: ImageChoice
    units: float = 0.0

    @property
    def is_kept(self) -> bool:
        """Whether later jobs of the dataset train the same learner, as those on originals are."""
        return self.choice.arm == "before"

    @property
    def cost(self) -> int:
        """How much its training computes, roughly, to compare it with others of the same evaluation."""
        passes = 1 + (self.config.schedule.attack_steps if self.config.radius else 0)
        return self.config.updates * passes * (self.choice.size or 1) ** 2


class LearnerData(Protocol):
    """The images of an evaluation."""

    def training_images(self, choice: ImageChoice) -> LabelledArrays:
        """The images that a learner is trained on, before its countermeasure."""
        ...

    def test_images(self, choice: ImageChoice) -> LabelledArrays:
        """The clean images that it is tested on."""
        ...

    def save(self, checkpoints: CheckpointStore, choices: Iterable[ImageChoice]) -> None:
        """Save all that `core.evaluation.piece_trainer` needs to make these choices in another process.

        Args:
            checkpoints: Where to save it.
            choices: What other processes may ask for.
        """
        ...


_RECORDS = TypeAdapter(dict[str, Learner])


def save_learners(checkpoints: CheckpointStore, learners: Sequence[Learner]) -> None:
    """Save the descriptions of learners, in place of those that were saved before.

    Args:
        checkpoints: Where to save them.
        learners: All that helpers may train.
    """
    checkpoints.save(CHECKPOINT, _RECORDS.dump_json({learner.name: learner for learner in learners}))


def load_learners(checkpoints: CheckpointStore) -> Mapping[str, Learner]:
    """The learners that `save_learners` saved, by name.

    Args:
        checkpoints: Where they are.

    Raises:
        KeyError: They are not there.
    """
    data = checkpoints.load(CHECKPOINT)
    if data is None:
        raise KeyError(CHECKPOINT)
    return _RECORDS.validate_json(data)
