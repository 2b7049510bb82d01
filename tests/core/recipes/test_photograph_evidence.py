"""Evidence on photographs: learners see the delivered files at their own size, not at that of the noise."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from core.evaluation.evaluation_data import EvaluationData
from core.evaluation.evidence import measure_evidence
from core.models import pretrained
from core.recipes import protect
from core.recipes.options import DatasetSource, RunOptions
from core.reports.text_tables import evidence_table
from core.results.evidence import Evidence
from core.results.protection import ProtectionReport
from core.runtime.context import RunContext
from core.specs import photographs
from core.specs.configs import Preset, TrainingLength
from core.specs.presets import PRESETS, QUICK
from core.specs.protect import ProtectSpec
from tests.support.networks import random_efficientnet
from tests.support.uploads import write_zip

SHORT = TrainingLength(epochs=0, min_updates=1, max_updates=1, batch=8)
EACH = 26  # images of each class and split, so that both splits have 52


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = {name: replace(recipe, length=SHORT) for name, recipe in QUICK.noise.items()}
    schedules = {name: replace(schedule, length=SHORT) for name, schedule in QUICK.schedules.items()}
    monkeypatch.setitem(PRESETS, "quick", replace(QUICK, noise=noise, schedules=schedules))
    tuning = photographs.FINE_TUNING_SCHEDULES["quick"]
    monkeypatch.setitem(photographs.FINE_TUNING_SCHEDULES, "quick", replace(tuning, length=SHORT))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    safetensors.torch.save_file(random_efficientnet(torch.rand(8, 3, 64, 64)).state_dict(), file)
    return file


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Smooth colours with noise, 90 x 70 px, in two classes with a test split."""
    files = {}
    for split in ("train", "test"):
        for label, name in enumerate(("cat", "dog")):
            for number in range(EACH):
                rng = np.random.default_rng([label, number, split == "test"])
                values = rng.integers(40, 120, (1, 1, 3)) + 60 * label + rng.integers(0, 30, (70, 90, 3))
                data = io.BytesIO()
                Image.fromarray(values.astype(np.uint8)).save(data, "PNG")
                files[f"{split}/{name}/{number}.png"] = data.getvalue()
    return write_zip(tmp_path_factory.mktemp("upload") / "pets.zip", files)


def run(source: Path, tmp_path: Path, weights: Path | None, **spec: object) -> ProtectionReport:
    options = RunOptions(scratch=tmp_path / "scratch", pretrained_weights=weights)
    options.scratch.mkdir()
    parsed = ProtectSpec.parse({"method": "em", "format": "png"} | spec)
    return protect.protect(DatasetSource(path=source), tmp_path / "out.zip", parsed, options).report


def test_learners_see_the_delivered_files_at_their_own_size(
    source: Path, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[EvaluationData, list[np.ndarray]]] = []

    def keep(data: EvaluationData, spec: ProtectSpec, preset: Preset, run: RunContext) -> Evidence:
        assert data.load_photographs is not None
        seen.append((data, [array.copy() for array in data.load_photographs(96)]))
        return measure_evidence(replace(data, note="not measured here"), spec, preset, run)

    monkeypatch.setattr(protect, "measure_evidence", keep)
    run(source, tmp_path, weights)
    [(data, at_96)] = seen
    assert data.clean.shape == data.delivered.shape == (4 * EACH, 3, 128, 128)
    assert [array.shape for array in at_96] == [(4 * EACH, 3, 96, 96)] * 2
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(tmp_path / "out.zip") as after:
        paths = sorted(name for name in before.namelist() if name.endswith(".png"))
        for number in (0, len(paths) - 1):
            for archive, pixels in ((before, data.clean), (after, data.delivered)):
                image = Image.open(io.BytesIO(archive.read(paths[number]))).convert("RGB")
                expected = np.asarray(image.resize((128, 128), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
                assert np.array_equal(pixels[number], expected)
    assert (data.clean != data.delivered).mean() > 0.5


def test_photographs_have_a_pretrained_learner_one_from_scratch_and_greyscale(
    source: Path, tmp_path: Path, weights: Path
) -> None:
    report = run(source, tmp_path, weights)
    rows = [(row.learner, row.image_size, row.countermeasure, row.radius) for row in report.evidence.rows]
    assert rows == [
        ("pretrained-finetune", 128, None, 0),
        ("small", 128, None, 0),
        ("pretrained-finetune", 128, "greyscale", 0),
        ("small", 128, "greyscale", 0),
    ]
    assert ProtectionReport.from_json(report.to_json()) == report
    assert "Fine-tuned EfficientNet-Lite0 at 128 px".lower() in evidence_table(report.evidence).lower()
    assert any("The pretrained network is a small one" in caveat for caveat in report.caveats)


def test_without_weights_the_report_says_what_is_missing_and_how_to_get_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "WEIGHTS_PACKAGE", "no_such_package_of_weights")
    report = run(source, tmp_path, None)
    assert [(row.learner, row.countermeasure) for row in report.evidence.rows] == [
        ("small", None),
        ("small", "greyscale"),
    ]
    assert any("install unteachable[pretrained]" in caveat for caveat in report.caveats)
