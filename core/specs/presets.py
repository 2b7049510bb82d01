"""The presets: every number of each way to protect and to measure. Imports no torch.

`paper` follows Fu et al. 2022: Table 5 and A.3.1 for the noise, A.4 for the learners. `quick` was chosen by measuring:
of all methods its default lowers the accuracy under adversarial training most (benchmarks/protection.py), and its
training lengths for small and large datasets are from docs/lab/generators.md. `instant` is `quick` with a
generator that ships (`core.generators`) in place of the training. Where that generator's noise network cannot make the
noise, its final search is the shortest that keeps the protection (benchmarks/noise_cost.py).
"""

import hashlib
import json
from dataclasses import replace

from core.specs.configs import (
    JointConfig,
    LearnerSchedule,
    NoiseConfig,
    NTGAConfig,
    OpenDetails,
    PGDSearch,
    Preset,
    TrainingLength,
    recorded,
)
from core.specs.lr_schedule import LearningRate
from core.specs.photographs import FINE_TUNING_SCHEDULES
from core.version import CHECKPOINT_VERSION, VERSION

MIN_LARGE_SIZE = 96
"""Size in pixels from which the paper's ImageNet settings apply; below, its CIFAR settings."""


def preset_for(name: str, size: int) -> Preset:
    """The preset for images of one size.

    Args:
        name: The preset's name.
        size: Side in pixels at which the images are worked on.

    Raises:
        KeyError: There is no such preset.
    """
    if name == "paper" and size >= MIN_LARGE_SIZE:
        return _PAPER_LARGE
    return PRESETS[name]


def has_noise_network(name: str, method: str | None) -> bool:
    """Whether a generator that is trained by a preset gets a noise network.

    Args:
        name: The preset's name.
        method: The method, or None for the preset's own.
    """
    config = PRESETS[name].noise.get(method or PRESETS[name].method)
    return config is not None and config.network_length is not None


def like_official_code(preset: Preset) -> Preset:
    """A preset that settles what the papers leave open as their official code does (docs/lab/official-code.md).

    Args:
        preset: Its numbers stay, except those of NTGA, whose official code takes one step of the whole radius: each of
            its steps begins at the clean images.
    """
    details = OpenDetails(pixel_box=False, em_transforms_first=True, whole_batch_norm=True)
    return replace(preset, details=details, ntga=replace(preset.ntga, steps=1, step=1.0))


_ONE_CYCLE = LearningRate(peak=0.1)


def _length(epochs: int, min_updates: int, max_updates: int) -> TrainingLength:
    return TrainingLength(epochs=epochs, min_updates=min_updates, max_updates=max_updates)


def _fixed_length(updates: int) -> TrainingLength:
    return _length(0, updates, updates)


def _plain_search(steps: int, step: float) -> PGDSearch:
    """Without adversarial perturbation, and with one draw of T for each step."""
    return PGDSearch(outer_steps=steps, outer_step=step, samples=1, inner_steps=0, inner_step=0.0)


def _noise_config(
    length: TrainingLength, training: PGDSearch, final: PGDSearch, *, rate: LearningRate = _ONE_CYCLE
) -> NoiseConfig:
    return NoiseConfig(length=length, learning_rate=rate, training=training, final=final)


def _schedule(
    length: TrainingLength, attack_steps: int, attack_step: float, *, rate: LearningRate = _ONE_CYCLE
) -> LearnerSchedule:
    return LearnerSchedule(length=length, learning_rate=rate, attack_steps=attack_steps, attack_step=attack_step)


_NO_SEARCH = _plain_search(0, 0.0)
"""TAP's surrogate trains on clean images."""

_QUICK_TRAINING = PGDSearch(outer_steps=5, outer_step=0.25, samples=2, inner_steps=4, inner_step=0.3)
_QUICK_FINAL = PGDSearch(outer_steps=10, outer_step=0.2, samples=4, inner_steps=4, inner_step=0.3)
_QUICK_FINAL_REM = PGDSearch(outer_steps=8, outer_step=0.2, samples=2, inner_steps=4, inner_step=0.3)

QUICK = Preset(
    name="quick",
    method="sem",
    architecture="small",
    max_size=64,
    noise={
        "sem": replace(
            _noise_config(_length(8, 100, 600), _QUICK_TRAINING, _QUICK_FINAL),
            network_length=_length(20, 300, 1_500),
            greyscale_share=0.3,
            joint=JointConfig(length=_length(6, 100, 300), learning_rate=LearningRate(peak=0.05)),
        ),
        "rem": _noise_config(_length(60, 60, 200), _QUICK_TRAINING, _QUICK_FINAL_REM),
        "em": _noise_config(_length(60, 60, 400), _plain_search(8, 0.25), _plain_search(20, 0.2)),
        "tap": _noise_config(_length(20, 300, 1_000), _NO_SEARCH, _plain_search(40, 2 / 40)),
    },
    ntga=NTGAConfig(block_size=250, validation_images=2_000, steps=10, step=1.1 / 10),
    schedules={
        "quick": _schedule(_length(10, 150, 800), 2, 0.6),  # benchmarks/adversaries.py
        "full": _schedule(_length(20, 600, 4_000), 7, 0.25),
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
    max_size=128,
    noise={
        "sem": _noise_config(_length(60, 100, 2_000), _QUICK_TRAINING, replace(_QUICK_FINAL, samples=2)),
        "rem": _noise_config(_length(60, 100, 1_000), _QUICK_TRAINING, _QUICK_FINAL_REM),
        "em": _noise_config(_length(60, 100, 1_000), _PAPER_SEARCH, _PAPER_SEARCH),
        "tap": _noise_config(_length(30, 500, 5_000), _NO_SEARCH, _plain_search(100, 2 / 100)),
    },
    ntga=NTGAConfig(block_size=1_000, validation_images=5_000, steps=10, step=1.1 / 10),
    schedules={
        "quick": _schedule(_length(10, 1_000, 4_000), 5, 0.3),
        "full": _schedule(_length(30, 2_000, 12_000), 10, 0.2),
    },
)


def _paper(
    search: PGDSearch,
    tap: PGDSearch,
    ntga: NTGAConfig,
    *,
    steps: int,
    decay_every: int,
    attack_steps: int,
    attack_step: float,
) -> Preset:
    """REM and SEM use `search`; EM has as many steps, of a fifth of radius_u at every size (Table 5)."""
    decaying = LearningRate(peak=0.1, decay_every=decay_every)
    robust = _noise_config(_fixed_length(steps), search, search, rate=decaying)
    plain = replace(search, outer_step=0.2)
    learning_rate = LearningRate(peak=0.1, decay_every=16_000)
    schedule = _schedule(_fixed_length(40_000), attack_steps, attack_step, rate=learning_rate)
    return Preset(
        name="paper",
        method="rem",
        architecture="resnet18",
        max_size=224,
        noise={"rem": robust, "sem": robust, "em": replace(robust, training=plain, final=plain)}
        | {"tap": _noise_config(_fixed_length(steps), _NO_SEARCH, tap, rate=decaying)},
        ntga=ntga,
        schedules={"quick": schedule, "full": schedule},
    )


PAPER = _paper(
    _PAPER_SEARCH,
    _plain_search(250, 1 / 125),
    NTGAConfig(block_size=4_000, validation_images=10_000, steps=10, step=1.1 / 10),
    steps=5_000,
    decay_every=2_000,
    attack_steps=10,
    attack_step=0.2,
)
_PAPER_LARGE = _paper(
    PGDSearch(outer_steps=7, outer_step=0.25, samples=4, inner_steps=10, inner_step=0.2),
    _plain_search(100, 1 / 50),
    NTGAConfig(block_size=100, validation_images=1_000, steps=8, step=1.1 / 8),
    steps=3_000,
    decay_every=1_200,
    attack_steps=8,
    attack_step=0.25,
)

PRESETS = {preset.name: preset for preset in (INSTANT, QUICK, STANDARD, PAPER)}


def fingerprint() -> str:
    """Twelve hexadecimal digits that change with the release, CHECKPOINT_VERSION and every number of a preset."""
    presets = [recorded(preset_for(name, size)) for name in PRESETS for size in (1, MIN_LARGE_SIZE)]
    tuning = recorded(FINE_TUNING_SCHEDULES)
    return hashlib.sha256(json.dumps([VERSION, CHECKPOINT_VERSION, presets, tuning]).encode()).hexdigest()[:12]
