"""What the presets stand for, in numbers. Imports no torch.

`paper` follows Fu et al. 2022 to the letter: Table 5 and A.3.1 for the noise, A.4 for the learners. `quick` was chosen
by measuring (benchmarks/protection.py): its default method fell furthest under adversarial training; for how long it
trains on few pictures and on many, see docs/lab/generators.md. `instant` is `quick` with a generator that ships
in the place of training (`core.generators`). Where its noise network cannot make the noise, the final search is the
shortest that keeps its protection (benchmarks/noise_cost.py).
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace

from core.specs.lr_schedule import LearningRate
from core.version import KEPT, VERSION

LARGE = 96  # px from which the paper's ImageNet settings apply; below, its CIFAR settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PGDSearch:
    """How long a delta_u is searched: K_u steps of `outer_step` radius_u, J draws, K_a of `inner_step` radius_a."""

    outer_steps: int
    outer_step: float
    samples: int
    inner_steps: int
    inner_step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingLength:
    """How many updates: passes over the data, held between `least` and `most`; on batches of at most `batch`."""

    epochs: int
    least: int
    most: int
    batch: int = 128

    def updates(self, images: int) -> int:
        """Updates for a training set of so many images."""
        return min(self.most, max(self.least, self.epochs * images // min(self.batch, images)))


def _exactly(updates: int) -> TrainingLength:
    return TrainingLength(epochs=0, least=updates, most=updates)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseConfig:
    """Algorithm 1 for M = `length` steps with the `training` search, then a fresh `final` search for every image.

    A generator's training goes on for `network` updates with a noise network, which then takes the search's place.
    Where its noise is to withstand being turned grey, `grey_share` of the loss is that on grey pictures, by a second
    surrogate, whose T turns `grey_chance` of what it learns from grey (docs/lab/noise.md).
    """

    length: TrainingLength
    learning_rate: LearningRate
    training: PGDSearch
    final: PGDSearch
    network: TrainingLength | None = None
    grey_share: float = 0.0
    grey_chance: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class NTGAConfig:
    """NTGA, which has no surrogate: `steps` steps of `step` radius_u for blocks of at most `block` images.

    Each block is judged by up to `validation` other images, as trained for `time` steps of gradient descent.
    """

    block: int
    validation: int
    steps: int
    step: float
    time: float = 64.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerSchedule:
    """How a learner is trained; its adversary takes `attack_steps` steps of `attack_step` x radius."""

    length: TrainingLength
    learning_rate: LearningRate
    attack_steps: int
    attack_step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One way to run everything: the network, the largest size it works at, the noise per method, the learner."""

    name: str
    method: str
    architecture: str
    largest: int
    noise: dict[str, NoiseConfig]  # by method, of those that train a surrogate
    ntga: NTGAConfig
    courses: dict[str, LearnerSchedule]  # by amount of evidence


def preset_for(name: str, size: int) -> Preset:
    """The preset called `name` for images worked on at `size` px. Raises KeyError for an unknown name."""
    if name == "paper" and size >= LARGE:
        return _PAPER_LARGE
    return PRESETS[name]


def has_network(name: str, method: str | None) -> bool:
    """Whether a generator by the preset called `name`, and by a method or that preset's own, has a noise network."""
    recipe = PRESETS[name].noise.get(method or PRESETS[name].method)
    return recipe is not None and recipe.network is not None


_CYCLE = LearningRate(peak=0.1)

_QUICK_ATTACKED = PGDSearch(outer_steps=5, outer_step=0.25, samples=2, inner_steps=4, inner_step=0.3)
_QUICK_FINAL = PGDSearch(outer_steps=10, outer_step=0.2, samples=4, inner_steps=4, inner_step=0.3)
_QUICK_FINAL_ATTACKED = PGDSearch(outer_steps=8, outer_step=0.2, samples=2, inner_steps=4, inner_step=0.3)
_QUICK_EM = PGDSearch(outer_steps=8, outer_step=0.25, samples=1, inner_steps=0, inner_step=0.0)
_QUICK_FINAL_EM = PGDSearch(outer_steps=20, outer_step=0.2, samples=1, inner_steps=0, inner_step=0.0)


_NO_NOISE = PGDSearch(outer_steps=0, outer_step=0.0, samples=1, inner_steps=0, inner_step=0.0)  # trains on clean images


def _targeted(steps: int, step: float) -> PGDSearch:
    """TAP's search: a step for each draw of T."""
    return PGDSearch(outer_steps=steps, outer_step=step, samples=1, inner_steps=0, inner_step=0.0)


def _recipe(
    length: TrainingLength, training: PGDSearch, final: PGDSearch, *, rate: LearningRate = _CYCLE
) -> NoiseConfig:
    return NoiseConfig(length=length, learning_rate=rate, training=training, final=final)


def _course(
    length: TrainingLength, attack_steps: int, attack_step: float, *, rate: LearningRate = _CYCLE
) -> LearnerSchedule:
    return LearnerSchedule(length=length, learning_rate=rate, attack_steps=attack_steps, attack_step=attack_step)


QUICK = Preset(
    name="quick",
    method="sem",
    architecture="small",
    largest=64,
    noise={
        "sem": replace(
            _recipe(TrainingLength(epochs=8, least=100, most=600), _QUICK_ATTACKED, _QUICK_FINAL),
            network=TrainingLength(epochs=20, least=300, most=1_500),
            grey_share=0.3,
        ),
        "rem": _recipe(TrainingLength(epochs=60, least=60, most=200), _QUICK_ATTACKED, _QUICK_FINAL_ATTACKED),
        "em": _recipe(TrainingLength(epochs=60, least=60, most=400), _QUICK_EM, _QUICK_FINAL_EM),
        "tap": _recipe(TrainingLength(epochs=20, least=300, most=1_000), _NO_NOISE, _targeted(40, 2 / 40)),
    },
    ntga=NTGAConfig(block=250, validation=2_000, steps=10, step=1.1 / 10),
    courses={
        "quick": _course(TrainingLength(epochs=10, least=300, most=800), 4, 0.3),
        "full": _course(TrainingLength(epochs=20, least=600, most=4_000), 7, 0.25),
    },
)

INSTANT = replace(
    QUICK,
    name="instant",
    noise=QUICK.noise | {"sem": replace(QUICK.noise["sem"], final=replace(_QUICK_FINAL, samples=2))},
)

_PAPER_SEARCH = PGDSearch(outer_steps=10, outer_step=0.2, samples=5, inner_steps=10, inner_step=0.2)

STANDARD = Preset(
    name="standard",
    method="sem",
    architecture="resnet18",
    largest=128,
    noise={
        "sem": _recipe(
            TrainingLength(epochs=60, least=100, most=2_000), _QUICK_ATTACKED, replace(_QUICK_FINAL, samples=2)
        ),
        "rem": _recipe(TrainingLength(epochs=60, least=100, most=1_000), _QUICK_ATTACKED, _QUICK_FINAL_ATTACKED),
        "em": _recipe(TrainingLength(epochs=60, least=100, most=1_000), _PAPER_SEARCH, _PAPER_SEARCH),
        "tap": _recipe(TrainingLength(epochs=30, least=500, most=5_000), _NO_NOISE, _targeted(100, 2 / 100)),
    },
    ntga=NTGAConfig(block=1_000, validation=5_000, steps=10, step=1.1 / 10),
    courses={
        "quick": _course(TrainingLength(epochs=10, least=1_000, most=4_000), 5, 0.3),
        "full": _course(TrainingLength(epochs=30, least=2_000, most=12_000), 10, 0.2),
    },
)


def _paper(
    search: PGDSearch,
    targeted: PGDSearch,
    ntga: NTGAConfig,
    *,
    steps: int,
    decay_every: int,
    attack_steps: int,
    attack_step: float,
) -> Preset:
    """`search` is that of REM and of our SEM; EM has as many steps, of a fifth of radius_u at every size (Table 5)."""
    falling = LearningRate(peak=0.1, decay_every=decay_every)
    recipe = _recipe(_exactly(steps), search, search, rate=falling)
    plain = replace(search, outer_step=0.2)
    rate = LearningRate(peak=0.1, decay_every=16_000)
    course = _course(_exactly(40_000), attack_steps, attack_step, rate=rate)
    return Preset(
        name="paper",
        method="rem",
        architecture="resnet18",
        largest=224,
        noise={"rem": recipe, "sem": recipe, "em": replace(recipe, training=plain, final=plain)}
        | {"tap": _recipe(_exactly(steps), _NO_NOISE, targeted, rate=falling)},
        ntga=ntga,
        courses={"quick": course, "full": course},
    )


PAPER = _paper(
    _PAPER_SEARCH,
    _targeted(250, 1 / 125),
    NTGAConfig(block=4_000, validation=10_000, steps=10, step=1.1 / 10),
    steps=5_000,
    decay_every=2_000,
    attack_steps=10,
    attack_step=0.2,
)
_PAPER_LARGE = _paper(
    PGDSearch(outer_steps=7, outer_step=0.25, samples=4, inner_steps=10, inner_step=0.2),
    _targeted(100, 1 / 50),
    NTGAConfig(block=100, validation=1_000, steps=8, step=1.1 / 8),
    steps=3_000,
    decay_every=1_200,
    attack_steps=8,
    attack_step=0.25,
)

PRESETS = {preset.name: preset for preset in (INSTANT, QUICK, STANDARD, PAPER)}


def fingerprint() -> str:
    """Twelve hexadecimal digits: others whenever the release, KEPT or any number of a preset is another."""
    every = [asdict(preset_for(name, size)) for name in PRESETS for size in (1, LARGE)]
    return hashlib.sha256(json.dumps([VERSION, KEPT, every]).encode()).hexdigest()[:12]
