"""The types of the presets' numbers. Imports no torch.

Where a field's metadata has a `key`, `recorded` writes the field under that key, which is the key of older results
folders. With `optional` it is left out where it has its default, so that results of before it existed stay valid.
"""

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from core.specs.lr_schedule import LearningRate


@dataclass(frozen=True, slots=True, kw_only=True)
class PGDSearch:
    """How noise delta_u is searched, in the terms of Fu et al. 2022, Algorithm 1.

    Attributes:
        outer_steps: K_u, steps of the noise.
        outer_step: Size of one of them, as a fraction of radius_u.
        samples: J, draws of the transformation T for each step.
        inner_steps: K_a, steps of the adversarial perturbation within each step.
        inner_step: Size of one of them, as a fraction of radius_a.
    """

    outer_steps: int
    outer_step: float
    samples: int
    inner_steps: int
    inner_step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingLength:
    """How many updates a training takes, by the number of images.

    Attributes:
        epochs: Passes over the images.
        min_updates: Lower bound of the updates.
        max_updates: Upper bound of the updates.
        batch: Images of one update, at most.
    """

    epochs: int
    min_updates: int = field(metadata={"key": "least"})
    max_updates: int = field(metadata={"key": "most"})
    batch: int = 128

    def updates(self, images: int) -> int:
        """The number of updates.

        Args:
            images: Size of the training set.
        """
        updates = self.epochs * images // min(self.batch, images)
        return min(self.max_updates, max(self.min_updates, updates))


@dataclass(frozen=True, slots=True, kw_only=True)
class JointConfig:
    """How a noise network and a surrogate are trained together.

    Attributes:
        length: Updates of each of them.
        learning_rate: Of both.
    """

    length: TrainingLength
    learning_rate: LearningRate


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseConfig:
    """How the noise of a method with a surrogate is made: Algorithm 1, then a search for every image.

    Attributes:
        length: M, updates of the surrogate.
        learning_rate: Of the surrogate and the noise network.
        training: Search for the noise of each batch that the surrogate is trained on.
        final: Search for the noise of every image with the trained surrogate.
        network_length: Updates of the noise network that then takes the place of the final search; None without one.
        greyscale_share: Weight of the loss on greyscale images, in a training that asks for it (`TrainSpec.grey`).
        greyscale_probability: How often T makes an image greyscale while the second surrogate learns, which is used
            for that loss (docs/lab/noise.md).
        joint: How a shipped noise network is trained on the images of a protection, in place of a surrogate and a
            search; None where it is not.
    """

    length: TrainingLength
    learning_rate: LearningRate
    training: PGDSearch
    final: PGDSearch
    network_length: TrainingLength | None = field(default=None, metadata={"key": "network"})
    greyscale_share: float = field(default=0.0, metadata={"key": "grey_share"})
    greyscale_probability: float = field(default=0.5, metadata={"key": "grey_chance"})
    joint: JointConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NTGAConfig:
    """How NTGA, which has no surrogate, makes noise (Yuan & Wu 2021).

    Attributes:
        block_size: Images whose noise is computed together, at most.
        validation_images: Other images on which a block's noise is evaluated, at most.
        steps: Steps of the noise.
        step: Size of one of them, as a fraction of radius_u.
        time: T, for which the neural tangent kernel's network is trained by gradient flow.
    """

    block_size: int = field(metadata={"key": "block"})
    validation_images: int = field(metadata={"key": "validation"})
    steps: int
    step: float
    time: float = 64.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerSchedule:
    """How a learner is trained.

    Attributes:
        length: Updates of the learner.
        learning_rate: Its schedule.
        attack_steps: Steps of the attack in adversarial training.
        attack_step: Size of one of them, as a fraction of the attack's radius.
    """

    length: TrainingLength
    learning_rate: LearningRate
    attack_steps: int
    attack_step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDetails:
    """What Fu et al. 2022 leave open, where our choice is not that of their official code (docs/lab/official-code.md).

    Attributes:
        pixel_box: Whether the search of delta_u is projected onto the range of pixels in each step. The official code
            clips the images that the network sees, and the noise at the end.
        em_transforms_first: Whether EM's noise is searched on images after T, as in the official code, which then adds
            what it found on one draw of T to the image as it is. Ours is searched on the image; T comes after it.
        whole_batch_norm: Whether batch norm takes its statistics from whole batches on a CPU too, as on a GPU. Ours
            takes them from parts of a batch there, one for each core at a time.
    """

    pixel_box: bool = True
    em_transforms_first: bool = False
    whole_batch_norm: bool = False


OUR_DETAILS = OpenDetails()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Every number of one way to protect and to measure.

    Attributes:
        name: A preset's name, as a spec has it.
        method: The method that is used unless a spec names one.
        architecture: Network of the surrogate and of the learners.
        max_size: Largest side in pixels at which images are worked on.
        noise: Configuration by method, for the methods with a surrogate.
        ntga: Configuration of NTGA.
        schedules: Schedule of the learners by amount of evidence.
        details: What the paper leaves open.
    """

    name: str
    method: str
    architecture: str
    max_size: int = field(metadata={"key": "largest"})
    noise: dict[str, NoiseConfig]
    ntga: NTGAConfig
    schedules: dict[str, LearnerSchedule] = field(metadata={"key": "courses"})
    details: OpenDetails = field(default=OUR_DETAILS, metadata={"optional": True})


def recorded(config: Any) -> Any:
    """A configuration as JSON takes it, under the keys in the fields' metadata.

    Args:
        config: A value of one of the classes above, or what a field of one holds.
    """
    if is_dataclass(config):
        values = [(f, getattr(config, f.name)) for f in fields(config)]
        return {
            f.metadata.get("key", f.name): recorded(value)
            for f, value in values
            if not (f.metadata.get("optional") and value == f.default)
        }
    if isinstance(config, dict):
        return {key: recorded(value) for key, value in config.items()}
    return config
