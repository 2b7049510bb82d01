"""An upload and its protected archive for verifications, and learners that are noted instead of trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.evaluation import learner_run
from core.evaluation.learner_run import LabelledArrays, LearnerConfig
from core.recipes import protect, protection_noise
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.verify import VerificationTarget, verify
from core.results.evidence import Curve
from core.results.verification import VerificationReport
from core.specs.protect import ProtectSpec
from core.specs.verify import VerifySpec
from tests.support.uploads import image_file, write_zip

EACH = 130  # a fifth of both classes makes 52 to test on
TrainedLearners = list[tuple[LearnerConfig, LabelledArrays, LabelledArrays]]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pets.zip, and out.zip: its copies, each colour value 3 higher where that can be, by the archive's own writer."""
    folder = tmp_path_factory.mktemp("verification")
    files = {
        f"{c}/{i}.png": image_file(width=32, height=32, seed=1000 * k + i)
        for k, c in enumerate(("cat", "dog"))
        for i in range(EACH)
    }
    write_zip(folder / "pets.zip", files)
    (folder / "work").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            protection_noise, "generate_noise", lambda images, *more, **how: np.full(images.pixels.shape, 3, np.int8)
        )
        spec = ProtectSpec(evidence="none", seed=5, method="em")
        options = RunOptions(scratch=folder / "work")
        protect.protect(DatasetSource(path=folder / "pets.zip"), folder / "out.zip", spec, options)
    return folder


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> TrainedLearners:
    """The config and images of each learner. None is trained: their accuracy is invented, higher with each seed."""
    trained: TrainedLearners = []

    def run_learner(config: LearnerConfig, data: LabelledArrays, test: LabelledArrays, *more: Any, **how: Any) -> Curve:
        trained.append((config, data, test))
        end = 0.5 + 0.1 * config.seed
        return Curve(epoch=(1, 2), accuracy=(0.6, end), loss=(1.0, 0.5))

    monkeypatch.setattr(learner_run, "run_learner", run_learner)
    return trained


def run(folder: Path, tmp_path: Path, *, alone: bool = False, **more: Any) -> VerificationReport:
    how = {key: more.pop(key) for key in ("checkpoints", "on_progress", "limits") if key in more}
    on_row = more.pop("on_row", None)
    archive = None if alone else more.pop("archive", folder / "out.zip")
    spec = VerifySpec.parse({"trainings": [{"radius": 0}]} | more)
    scratch = tmp_path / f"scratch-{len(list(tmp_path.iterdir()))}"
    target = None if archive is None else VerificationTarget(archive=archive)
    options = RunOptions(scratch=scratch, cores=1, **how)  # learners one after the other
    return verify(DatasetSource(path=folder / "pets.zip"), target, spec, options, on_row=on_row)
