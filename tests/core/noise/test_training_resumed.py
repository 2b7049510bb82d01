"""An interrupted training of a generator resumes to the same weights; a cancelled one leaves no file."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.errors import Cancelled
from core.noise.surrogate import GREYSCALE_SURROGATE, SURROGATE
from core.noise.train_noise_network import NOISE_NETWORK
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.train import GeneratorOptions, train_generator
from core.runtime.progress import Step
from core.specs.protect import ProtectSpec
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.short_training import STEPS, drawn, short_training


@pytest.fixture(autouse=True, scope="module")
def short() -> Iterator[None]:
    with short_training():
        yield


@pytest.mark.parametrize(
    ("method", "checkpoint"), [("em", SURROGATE), ("sem", GREYSCALE_SURROGATE), ("sem", NOISE_NETWORK)]
)
def test_an_interrupted_training_resumes_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, checkpoint: str
) -> None:
    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0)
    source, checkpoints = drawn(tmp_path / "learn.zip"), MemoryCheckpointStore()

    class Breaks(MemoryCheckpointStore):
        def save(self, name: str, data: bytes) -> None:
            checkpoints.save(name, data)
            if saved.count(checkpoint) == STEPS // 2:
                raise Cancelled
            saved.append(name)

    saved: list[str] = []
    (tmp_path / "scratch").mkdir()
    config = GeneratorOptions(greyscale=checkpoint == GREYSCALE_SURROGATE)
    spec, out = ProtectSpec(method=method), tmp_path / "g.safetensors"
    options = RunOptions(scratch=tmp_path / "scratch", checkpoints=Breaks())
    with pytest.raises(Cancelled):
        train_generator(DatasetSource(path=source), out, spec, options, config)
    assert not out.exists()
    counted: list[int] = []

    def count(step: Step) -> None:
        if step.stage == "training":
            counted.append(step.done)

    for store, path in ((checkpoints, out), (MemoryCheckpointStore(), tmp_path / "whole.safetensors")):
        with tempfile.TemporaryDirectory() as scratch:
            options = RunOptions(scratch=Path(scratch), checkpoints=store, on_progress=count)
            train_generator(DatasetSource(path=source), path, spec, options, config)
    first, second = (load_file(path) for path in (out, tmp_path / "whole.safetensors"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(name.startswith("noise.") for name in first) == (method == "sem")


def test_a_cancelled_training_leaves_no_file(tmp_path: Path) -> None:
    def cancel(step: Step) -> None:
        if step.stage == "training":
            raise Cancelled

    (tmp_path / "scratch").mkdir()
    source = drawn(tmp_path / "learn.zip")
    options = RunOptions(scratch=tmp_path / "scratch", on_progress=cancel)
    with pytest.raises(Cancelled):
        train_generator(DatasetSource(path=source), tmp_path / "g.safetensors", ProtectSpec(), options)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["learn.zip"]
