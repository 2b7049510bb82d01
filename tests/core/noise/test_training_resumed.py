"""The training of a generator that breaks off goes on to the same weights; one that is cancelled leaves nothing."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.errors import Cancelled
from core.noise.surrogate import GREYSCALE_SURROGATE, SURROGATE
from core.noise.train_noise_network import NOISE_NETWORK
from core.recipes.train import train_generator
from core.runtime.progress import Step
from core.specs.protect import ProtectSpec
from tests.support.checkpoints import Memory
from tests.support.short_training import STEPS, drawn, short_training


@pytest.fixture(autouse=True, scope="module")
def short() -> Iterator[None]:
    with short_training():
        yield


@pytest.mark.parametrize(("method", "piece"), [("em", SURROGATE), ("sem", GREYSCALE_SURROGATE), ("sem", NOISE_NETWORK)])
def test_a_broken_off_training_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, piece: str
) -> None:
    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0)
    source, checkpoints = drawn(tmp_path / "learn.zip"), Memory()

    class Breaks(Memory):
        def save(self, name: str, data: bytes) -> None:
            checkpoints.save(name, data)
            if broken.count(piece) == STEPS // 2:
                raise Cancelled
            broken.append(name)

    broken: list[str] = []
    (tmp_path / "scratch").mkdir()
    grey = piece == GREYSCALE_SURROGATE
    spec, out = ProtectSpec(method=method), tmp_path / "g.safetensors"
    with pytest.raises(Cancelled):
        train_generator(source, out, spec, grey=grey, scratch=tmp_path / "scratch", checkpoints=Breaks())
    assert not out.exists()
    counted: list[int] = []

    def count(step: Step) -> None:
        if step.stage == "training":
            counted.append(step.done)

    for shelf_of, path in ((checkpoints, out), (Memory(), tmp_path / "whole.safetensors")):
        with tempfile.TemporaryDirectory() as scratch:
            train_generator(
                source, path, spec, grey=grey, scratch=Path(scratch), checkpoints=shelf_of, on_progress=count
            )
    first, second = (load_file(path) for path in (out, tmp_path / "whole.safetensors"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(name.startswith("noise.") for name in first) == (method == "sem")


def test_a_cancelled_training_leaves_no_file(tmp_path: Path) -> None:
    def cancel(step: Step) -> None:
        if step.stage == "training":
            raise Cancelled

    (tmp_path / "scratch").mkdir()
    source = drawn(tmp_path / "learn.zip")
    with pytest.raises(Cancelled):
        train_generator(
            source, tmp_path / "g.safetensors", ProtectSpec(), scratch=tmp_path / "scratch", on_progress=cancel
        )
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["learn.zip"]
