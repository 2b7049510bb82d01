"""Train a generator and protect images with it by the recipes, and compare the results."""

import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from core.recipes import protect as recipe
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.train import GeneratorOptions, train_generator
from core.results.protection import ProtectionReport
from core.specs.protect import ProtectSpec
from tests.support.uploads import encoded, pixels, write_zip

Stages = list[str]


def train(source: Path, out: Path, *, greyscale: bool = False, **spec: object) -> Stages:
    stages: Stages = []
    with tempfile.TemporaryDirectory() as scratch:
        options = RunOptions(scratch=Path(scratch), on_progress=lambda step: stages.append(step.stage))
        config = GeneratorOptions(greyscale=greyscale)
        train_generator(DatasetSource(path=source), out, ProtectSpec.parse(spec), options, config)
    return stages


def protect(source: Path, out: Path, generator: Path, **spec_fields: object) -> tuple[ProtectionReport, Stages]:
    stages: Stages = []
    spec = ProtectSpec.parse({"radius_u": 6, "evidence": "none"} | spec_fields)
    with tempfile.TemporaryDirectory() as scratch:
        options = RunOptions(scratch=Path(scratch), on_progress=lambda step: stages.append(step.stage))
        done = recipe.protect(DatasetSource(path=source), out, spec, options, generator=generator)
    return done.report, stages


def changes(before: Path, after: Path) -> dict[str, int]:
    """The largest change of a pixel value in each image."""
    with zipfile.ZipFile(before) as old, zipfile.ZipFile(after) as new:
        found = {}
        for name in old.namelist():
            with old.open(name) as one, new.open(name) as other:
                found[name] = int(np.abs(np.asarray(Image.open(one)).astype(int) - np.asarray(Image.open(other))).max())
    return found


def png_images(archive: Path) -> dict[str, bytes]:
    """The PNG files of an archive by path."""
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist() if name.endswith(".png")}


def write_greyscale_zip(path: Path) -> Path:
    """Three of each of two classes."""
    files = {
        f"{c}/{i}.png": encoded(Image.fromarray(pixels(32, 32, 1, seed=10 * k + i)), "PNG")
        for k, c in enumerate("ab")
        for i in range(3)
    }
    return write_zip(path, files)
