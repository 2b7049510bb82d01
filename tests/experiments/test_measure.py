"""Each noise is made once, and each learner is trained once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import Cancelled
from core.runtime.atomic_files import write_json
from core.runtime.progress import Step
from experiments.cells import Cell, Noise
from experiments.measure import ExperimentCache
from tests.support.tiny_experiments import drawn_images, tiny_cache

EM = Noise(method="em", radius_u=16)
REM = Noise(method="rem", radius_u=8, radius_a=4)


def training_images(cache: ExperimentCache, cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    images = cache._training_set(cell, seed=0)
    return images.pixels, images.labels


def test_a_measurement_is_made_once_and_read_back(tmp_path: Path) -> None:
    cache = tiny_cache(tmp_path)
    assert cache.load_measurement(Cell(radius=2), 0) is None
    found = cache.measure(Cell(radius=2), 0)
    assert tiny_cache(tmp_path).measure(Cell(radius=2), 0) == found  # including the seconds: it was not trained again
    assert cache.measure(Cell(radius=2), 1) != found
    assert found.network == "small"
    assert found.updates == (1, 2, 3)
    assert len(found.train_accuracy) == len(found.test_accuracy) == len(found.loss) == 3
    assert found.train_accuracy[-1] >= 0.5


@pytest.mark.parametrize("method", ["em", "sem", "rem", "tap", "ntga"])
def test_every_method_makes_noise_within_its_radius_and_saves_it(tmp_path: Path, method: str) -> None:
    noise = Noise(method=method, radius_u=8, radius_a=4 if method in ("rem", "sem") else 0)
    cache = tiny_cache(tmp_path)
    made = np.array(cache.noise(noise, 0))
    assert made.shape == cache.images.train.shape
    assert 0 < np.abs(made).max() <= 8
    protected = cache.images.train.astype(np.int16) + made
    assert protected.min() >= 0
    assert protected.max() <= 255
    assert (tiny_cache(tmp_path).noise(noise, 0) == made).all()
    assert cache.noise_seconds(noise, 0) > 0


def test_an_interrupted_noise_resumes_and_ends_the_same(tmp_path: Path) -> None:
    whole = np.array(tiny_cache(tmp_path / "whole").noise(REM, 0))

    def stop(step: Step) -> None:
        if step.stage == "noise":
            raise Cancelled

    with pytest.raises(Cancelled):
        tiny_cache(tmp_path / "parts", on_progress=stop).noise(REM, 0)
    parts = tmp_path / "parts" / "noise" / "rem-u8-a4.seed-0.parts"
    assert (parts / "surrogate.safetensors").exists()
    assert not tiny_cache(tmp_path / "parts").has_noise(REM, 0)

    trained = []

    def record(step: Step) -> None:
        trained.append((step.stage, step.done))

    resumed = tiny_cache(tmp_path / "parts", on_progress=record)
    assert (resumed.noise(REM, 0) == whole).all()
    assert not parts.exists()
    assert {done for stage, done in trained if stage == "training"} <= {
        0,
        2,
    }  # both steps were saved before the interruption


def test_an_interrupted_learner_resumes_and_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0.0)
    cell = Cell(radius=4, countermeasure="ueraser-max")
    whole = tiny_cache(tmp_path / "whole").measure(cell, 0)

    def stop(step: Step) -> None:
        if step.stage == "evidence" and step.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        tiny_cache(tmp_path / "parts", on_progress=stop).measure(cell, 0)
    parts = tmp_path / "parts" / "cells" / f"{cell.name}.seed-0.parts"
    assert (parts / "learner.safetensors").exists()
    write_json(parts / "seconds.json", 100.0)
    counted: list[int] = []
    resumed = tiny_cache(tmp_path / "parts", on_progress=lambda step: counted.append(step.done))
    found = resumed.measure(cell, 0)
    assert found.seconds > 100
    assert replace(found, seconds=0.0) == replace(whole, seconds=0.0)
    assert counted[1] == 1  # counted[0] is the start at 0
    assert not parts.exists()
    assert resumed.load_measurement(cell, 0) == found


def test_a_learner_trains_on_the_images_of_its_cell(tmp_path: Path) -> None:
    cache = tiny_cache(tmp_path, drawn_images(train=40))
    clean, labels = cache.images.train, cache.images.train_labels
    whole, same = training_images(cache, Cell(noise=EM))
    changed = (whole != clean).any(axis=(1, 2, 3))
    assert changed.all()
    assert (whole.astype(np.int16) - clean == cache.noise(EM, 0)).all()
    assert (same == labels).all()
    mixed, _ = training_images(cache, Cell(noise=EM, percentage=40))
    changed = (mixed != clean).any(axis=(1, 2, 3))
    assert changed.sum() == 16
    assert (mixed[changed] == whole[changed]).all()
    rest, rest_labels = training_images(cache, Cell(percentage=40, rest="clean"))
    assert (rest == clean[~changed]).all()
    assert (rest_labels == labels[~changed]).all()
    assert (training_images(cache, Cell())[0] == clean).all()


def test_norm_radius_and_countermeasure_reach_the_learner(tmp_path: Path) -> None:
    cache = tiny_cache(tmp_path)
    cells = [Cell(), Cell(radius=8), Cell(radius=8, countermeasure="mean-3x3"), Cell(radius=2000, norm="L2")]
    losses = {cache.measure(cell, 0).loss for cell in cells}
    assert len(losses) == len(cells)
