"""The evidence of a generator's training: on which images, with which weights, and what the card says."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cli.main import app
from core.errors import Cancelled
from core.evaluation.sample_size import MIN_TEST_IMAGES
from core.generators.card import read_card
from core.generators.measurements import ACCURACIES, NOTE, OWN_IMAGES, measurements_from
from core.noise.final_search import search_noise
from core.noise.generator_file import as_saved, load_generator
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.train import TrainingResult, train_generator
from core.results.evidence import Curve, Evidence, EvidenceRow
from core.runtime.checkpoints import NullCheckpointStore
from core.runtime.progress import Step
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.short_training import drawn, short_training
from tests.support.uploads import image_file, write_zip

CLASSES = ("ant", "bee")
EACH = 5 * MIN_TEST_IMAGES // len(CLASSES)  # so that a fifth of all is just enough to test on


@pytest.fixture(autouse=True, scope="module")
def short() -> Iterator[None]:
    with short_training():
        yield


@pytest.fixture(scope="module")
def enough(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("enough") / "learn.zip", " ".join(CLASSES), each=EACH)


def train(
    source: Path,
    out: Path,
    *,
    checkpoints: MemoryCheckpointStore | None = None,
    on_progress: Any = None,
    **requested: Any,
) -> TrainingResult:
    spec = ProtectSpec.parse_training({"method": "em"} | requested)
    with tempfile.TemporaryDirectory() as scratch:
        options = RunOptions(
            scratch=Path(scratch), checkpoints=checkpoints or NullCheckpointStore(), on_progress=on_progress
        )
        return train_generator(DatasetSource(path=source), out, spec, options)


def test_the_card_states_what_models_learn_with_its_noise_and_without(enough: Path, tmp_path: Path) -> None:
    done = train(enough, tmp_path / "g.safetensors")
    card = read_card(tmp_path / "g.safetensors")
    train_images = len(CLASSES) * EACH - MIN_TEST_IMAGES
    assert card == done.card
    assert card.images == train_images
    assert card.measured == measurements_from(done.evidence, data="learn", classes=2, seed=0)
    assert card.measured is not None
    found = card.measured[OWN_IMAGES]
    facts = ("data", "classes", "training_images", "test_images", "seed")
    assert tuple(found[fact] for fact in facts) == ("learn", 2, train_images, MIN_TEST_IMAGES, 0)
    assert {name: set(by_radius) for name, by_radius in found[ACCURACIES].items()} == {
        "the originals": {"0", "4"},
        "the generator": {"0", "4"},
    }


def test_the_learners_get_the_noise_of_the_weights_in_the_file(
    enough: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[torch.nn.Module, np.ndarray, np.ndarray]] = []
    seen: list[np.ndarray] = []

    def search(surrogate: torch.nn.Module, images: LabelledArrays, *rest: Any, **masks: Any) -> np.ndarray:
        noise = search_noise(surrogate, images, *rest, **masks)
        made.append((surrogate, images.pixels, noise))
        return noise

    def take(data: Any, *rest: Any, **run: Any) -> Evidence:
        seen.append(data.delivered)
        return Evidence(learner="", image_size=32, train_images=1, test_images=1, chance=0.5, rows=(), note="no time")

    monkeypatch.setattr("core.recipes.train.search_noise", search)
    monkeypatch.setattr("core.recipes.train.measure_evidence", take)
    train(enough, tmp_path / "g.safetensors")
    ((surrogate, pixels, noise),) = made
    saved, trained = load_generator(tmp_path / "g.safetensors", device="cpu").model.state_dict(), surrogate.state_dict()
    assert all(torch.equal(saved[name], trained[name]) for name in saved if saved[name].is_floating_point())
    assert np.array_equal(seen[0], pixels.astype(int) + noise)
    touched = (noise != 0).any((1, 2, 3))
    assert touched.sum() == len(CLASSES) * EACH - MIN_TEST_IMAGES  # and no test image


def test_a_test_split_of_its_own_is_what_it_is_tested_on(tmp_path: Path) -> None:
    files = {
        f"{split}/{name}/{i}.png": image_file(width=32, height=32, seed=100 * k + i)
        for split, count in (("train", 6), ("test", MIN_TEST_IMAGES // 2))
        for k, name in enumerate(CLASSES)
        for i in range(count)
    }
    card = train(write_zip(tmp_path / "split.zip", files), tmp_path / "g.safetensors").card
    assert card.images == 12
    assert card.measured is not None
    assert (card.measured[OWN_IMAGES]["training_images"], card.measured[OWN_IMAGES]["test_images"]) == (
        12,
        MIN_TEST_IMAGES,
    )


def test_where_nothing_is_measured_everything_is_learned_from(enough: Path, tmp_path: Path) -> None:
    stages: set[str] = set()

    def note(step: Step) -> None:
        stages.add(step.stage)

    card = train(enough, tmp_path / "g.safetensors", evidence="none", on_progress=note).card
    assert (card.images, card.measured) == (len(CLASSES) * EACH, None)
    assert not stages & {"noise", "evidence"}
    few = train(drawn(tmp_path / "few.zip"), tmp_path / "few.safetensors").card
    assert few.images == 15
    assert few.measured is not None
    assert "too few images: 3 could be held out" in few.measured[OWN_IMAGES][NOTE]


def test_an_interrupted_measurement_resumes_to_the_same_file(enough: Path, tmp_path: Path) -> None:
    checkpoints, whole, out = MemoryCheckpointStore(), tmp_path / "whole.safetensors", tmp_path / "g.safetensors"
    stages: list[str] = []

    def stop(step: Step) -> None:
        if step.stage == "evidence" and any(
            name.startswith("curve-small-") and "-before" in name for name in checkpoints.saved
        ):
            raise Cancelled

    with pytest.raises(Cancelled):
        train(enough, out, checkpoints=checkpoints, on_progress=stop)
    assert not out.exists()
    assert any(name.startswith("curve-small-") and "-before" in name for name in checkpoints.saved)
    resumed = train(
        enough, out, checkpoints=checkpoints, on_progress=lambda step: stages.append(f"{step.stage} {step.done}")
    )
    undisturbed = train(enough, whole)
    assert resumed.card.measured == undisturbed.card.measured
    first, second = (load_generator(path, device="cpu").model.state_dict() for path in (out, whole))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_the_command_prints_it_too(enough: Path, tmp_path: Path) -> None:
    out = tmp_path / "g.safetensors"
    done = CliRunner().invoke(app, ["train", str(enough), str(out), "--method", "em"])
    assert done.exit_code == 0, done.output
    assert "adversarial training, Linf radius 4/255" in done.stdout
    assert f"Accuracy on {MIN_TEST_IMAGES} clean test images" in done.stdout
    quiet = CliRunner().invoke(app, ["train", str(enough), str(out), "--method", "em", "--evidence", "none"])
    assert "not measured. None was requested." in quiet.stdout
    refused = CliRunner().invoke(app, ["train", str(enough), str(out), "--evidence", "much"])
    assert refused.exit_code == 2
    assert "--evidence must be one of none, quick, full" in refused.stderr


def test_every_countermeasure_is_a_measurement_of_its_own() -> None:
    curve = Curve(epoch=(1,), accuracy=(0.5,), loss=(1.0,))
    row = EvidenceRow(
        training="standard",
        norm=None,
        radius=0,
        countermeasure=None,
        architecture="small",
        protected_percentage=100,
        accuracy_before=0.91234,
        accuracy_after=0.2,
        peak_before=0.95,
        peak_after=0.3,
        ci95_before=(0.9, 0.92),
        ci95_after=(0.1, 0.3),
        curves={"before": curve, "after": curve},
    )
    greyscale = replace(row, countermeasure="greyscale", accuracy_after=0.9)
    evidence = Evidence(
        learner="small", image_size=32, train_images=9, test_images=50, chance=0.5, rows=(row, greyscale), note=None
    )
    facts = {"data": "pets", "classes": 2, "training_images": 9, "test_images": 50, "seed": 4}
    assert measurements_from(evidence, data="pets", classes=2, seed=4) == {
        OWN_IMAGES: {**facts, ACCURACIES: {"the originals": {"0": 91.23}, "the generator": {"0": 20.0}}},
        f"{OWN_IMAGES}, greyscale first": {
            **facts,
            ACCURACIES: {"the originals": {"0": 91.23}, "the generator": {"0": 90.0}},
        },
    }


def test_weights_as_saved_stay_what_they_are_when_they_are_saved_again() -> None:
    model = torch.nn.Linear(3, 2)
    before = model.weight.detach().clone()
    assert as_saved(model) is model
    once = model.weight.detach().clone()
    assert not torch.equal(once, before)
    assert torch.equal(once, before.half().float())
    assert torch.equal(as_saved(model).weight, once)
