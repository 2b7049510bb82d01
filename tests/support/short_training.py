"""Training of a few seconds, and images for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from core.specs.configs import TrainingLength
from core.specs.presets import PRESETS, QUICK
from tests.support.uploads import image_file, write_zip

STEPS = 6
SOME = TrainingLength(epochs=0, min_updates=STEPS, max_updates=STEPS, batch=16)


@contextmanager
def short_training() -> Iterator[None]:
    """The preset's own path with fewer updates of surrogates, noise networks and learners."""
    noise = {
        name: replace(
            recipe,
            length=SOME,
            network_length=recipe.network_length and SOME,
            joint=recipe.joint and replace(recipe.joint, length=SOME),
        )
        for name, recipe in QUICK.noise.items()
    }
    schedules = {name: replace(schedule, length=SOME) for name, schedule in QUICK.schedules.items()}
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(PRESETS, "quick", replace(QUICK, noise=noise, schedules=schedules))
        yield


def drawn(path: Path, names: str = "ant bee cow", *, each: int = 5, size: int = 32, seed: int = 0) -> Path:
    """Write a zip with `each` random images of each class."""
    files = {
        f"{name}/{i}.png": image_file(width=size, height=size, seed=1000 * seed + 100 * k + i)
        for k, name in enumerate(names.split())
        for i in range(each)
    }
    return write_zip(path, files)
