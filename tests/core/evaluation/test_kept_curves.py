"""A learner on originals is trained once: later jobs take its curve, and only where everything is the same."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.evaluation.learner_run import LearnerConfig, measure_curve
from core.results.evidence import Curve
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.specs.configs import TrainingLength
from core.specs.presets import QUICK
from core.training.labelled_images import LabelledArrays
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.seeded import rng

SCHEDULE = replace(QUICK.schedules["quick"], length=TrainingLength(epochs=0, min_updates=2, max_updates=2, batch=16))
CONFIG = LearnerConfig(architecture="small", radius=0, countermeasure=None, seed=0, updates=2, schedule=SCHEDULE)


def images(count: int, *, seed: int) -> LabelledArrays:
    pixels = torch.randint(0, 256, (count, 3, 32, 32), generator=rng(seed), dtype=torch.uint8)
    return LabelledArrays(pixels=pixels.numpy(), labels=(torch.arange(count) % 2).numpy(), classes=2)


TRAIN, TEST = images(24, seed=1), images(10, seed=2)


@pytest.fixture
def run() -> RunContext:
    """The context of a first job, whose kept curves later jobs share."""
    return RunContext(device=Device("cpu", cores=1), kept_curves=MemoryCheckpointStore())


def measured(run: RunContext, *, keep: bool = True, **other: object) -> Curve:
    """The curve of a new job; `other` replaces its learner, its training images or its test images."""
    inputs = {"config": CONFIG, "images": TRAIN, "test": TEST} | other
    return measure_curve(**inputs, run=run, name="curve", keep=keep)  # type: ignore[arg-type]


def mark_kept(run: RunContext) -> None:
    """Change the loss in each kept curve, so that a curve that was not measured can be told."""
    stored = run.kept_curves
    assert isinstance(stored, MemoryCheckpointStore)
    for name, data in stored.saved.items():
        stored.saved[name] = json.dumps(json.loads(data) | {"loss": [-1.0, -1.0]}).encode()


def test_a_later_job_takes_the_curve_and_saves_it_as_its_own(run: RunContext) -> None:
    first = measured(run)
    mark_kept(run)
    later = replace(run, checkpoints=MemoryCheckpointStore())
    taken = measured(later)
    assert taken == replace(first, loss=(-1.0, -1.0))
    assert list(later.checkpoints.saved) == ["curve.json"]  # type: ignore[attr-defined]


def shifted(images: LabelledArrays) -> LabelledArrays:
    """The same images but for one pixel."""
    pixels = images.pixels.copy()
    pixels[0, 0, 0, 0] ^= 1
    return replace(images, pixels=pixels)


@pytest.mark.parametrize(
    "other",
    [
        lambda: {"images": shifted(TRAIN)},
        lambda: {"test": shifted(TEST)},
        lambda: {"test": replace(TEST, labels=1 - TEST.labels)},
        lambda: {"images": TRAIN.select(np.arange(20))},
        lambda: {"config": replace(CONFIG, seed=1)},
        lambda: {"config": replace(CONFIG, radius=4)},
        lambda: {"config": replace(CONFIG, countermeasure="greyscale")},
    ],
)
def test_another_learner_is_trained(run: RunContext, other: Callable[[], dict[str, object]]) -> None:
    measured(run)
    mark_kept(run)
    assert measured(run, **other()).loss != (-1.0, -1.0)


def test_a_learner_on_protected_images_is_not_kept(run: RunContext) -> None:
    measured(run, keep=False)
    assert run.kept_curves.saved == {}  # type: ignore[attr-defined]
