"""What each learner of a verification is trained and tested on, and how often one is trained."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import Cancelled
from core.ingest.split import select_protect_mask, select_test_mask
from core.recipes import protect, protection_noise
from core.recipes.options import DatasetSource, RunOptions
from core.results.verification import VerificationReport
from core.runtime.progress import Step
from core.specs.protect import ProtectSpec
from tests.core.recipes.verify.conftest import EACH, TrainedLearners, run
from tests.support.checkpoints import MemoryCheckpointStore


def test_both_arms_have_the_same_images_and_the_split_of_the_protection(
    folder: Path, tmp_path: Path, trained: TrainedLearners
) -> None:
    report = run(folder, tmp_path)
    (_, before, test), (_, after, same) = trained
    assert len(before.labels) == 208
    assert len(test.labels) == 52
    assert (before.labels == after.labels).all()
    assert (test.pixels == same.pixels).all()
    shift = after.pixels.astype(int) - before.pixels
    assert set(np.unique(shift)) <= {0, 1, 2, 3}
    assert (shift == 3).mean() > 0.9
    labels = np.repeat([0, 1], EACH)
    apart = select_test_mask(labels, [None] * len(labels), seed=5)
    assert (test.labels == labels[apart]).all()
    assert report.target is not None
    assert report.target["spec"]["seed"] == 5
    assert any("learned from all images" in caveat for caveat in report.caveats)


@pytest.mark.parametrize(("one_draw", "percentage", "real"), [(True, 90, 100), (True, 50, 62), (False, 50, 50)])
def test_the_reported_percentage_is_that_of_the_training_images(
    folder: Path,
    tmp_path: Path,
    trained: TrainedLearners,
    monkeypatch: pytest.MonkeyPatch,
    one_draw: bool,
    percentage: int,
    real: int,
) -> None:
    def as_once(
        labels: NDArray[np.int64], test_mask: NDArray[np.bool_], percentage: int, *, seed: int
    ) -> NDArray[np.bool_]:
        return select_protect_mask(labels, percentage, seed=seed)

    with monkeypatch.context() as patched:
        patched.setattr(
            protection_noise, "generate_noise", lambda images, *more, **how: np.full(images.pixels.shape, 3, np.int8)
        )
        if one_draw:  # as archives of before were made
            patched.setattr(protect, "select_protect_mask_by_split", as_once)
        (tmp_path / "work").mkdir()
        spec = ProtectSpec(evidence="none", seed=5, method="em", percentage=percentage)
        options = RunOptions(scratch=tmp_path / "work")
        protect.protect(DatasetSource(path=folder / "pets.zip"), tmp_path / "part.zip", spec, options)
    report = run(folder, tmp_path, archive=tmp_path / "part.zip")
    (_, before, _), (_, after, _) = trained
    assert (before.pixels != after.pixels).any(axis=(1, 2, 3)).mean() == pytest.approx(real / 100, abs=0.01)
    assert [row.protected_percentage for row in report.evidence.rows] == [real]
    assert any(f"and {real}\u00a0% of the training images" in caveat for caveat in report.caveats)


def test_a_percentage_is_trained_mixed_and_its_clean_rest_alone(
    folder: Path, tmp_path: Path, trained: TrainedLearners
) -> None:
    report = run(folder, tmp_path, percentages=[100, 25])
    assert [len(data.labels) for _, data, _ in trained] == [208, 208, 208, 156]
    clean, whole, quarter, rest = (data.pixels for _, data, _ in trained)
    changed = (quarter != clean).any((1, 2, 3))
    assert changed.sum() == 52
    assert (quarter[changed] == whole[changed]).all()
    assert (rest == clean[~changed]).all()
    assert [row.rest is None for row in report.evidence.rows] == [True, False]
    assert len({config.updates for config, _, _ in trained}) == 1


def test_the_originals_are_learned_once_for_all_shares_and_rows_are_means(
    folder: Path, tmp_path: Path, trained: TrainedLearners
) -> None:
    report = run(folder, tmp_path, percentages=[100, 50], seeds=3)
    assert [config.seed for config, _, _ in trained] == [0, 1, 2] * 4  # before, after; after, rest
    row = report.evidence.rows[0]
    assert row.before.runs == (0.5, 0.6, 0.7)
    assert row.before.accuracy == pytest.approx(0.6)
    assert row.before.curve.accuracy == pytest.approx((0.6, 0.6))
    assert row.before.peak == pytest.approx((0.6 + 0.6 + 0.7) / 3)


def test_an_interrupted_verification_resumes_in_its_row(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    checkpoints, rows = MemoryCheckpointStore(), {"trainings": [{"radius": radius} for radius in (0, 2, 4)]}

    def stop(report: VerificationReport) -> None:
        if len(report.evidence.rows) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(folder, tmp_path, checkpoints=checkpoints, on_row=stop, **rows)
    assert [config.radius for config, _, _ in trained] == [0, 0, 2, 2]
    trained.clear()
    steps: list[Step] = []
    seen: list[int] = []
    run(
        folder,
        tmp_path,
        checkpoints=checkpoints,
        on_row=lambda report: seen.append(len(report.evidence.rows)),
        on_progress=steps.append,
        **rows,
    )
    assert [config.radius for config, _, _ in trained] == [4, 4]
    assert seen == [1, 2, 3]
    assert {step.total for step in steps if step.stage == "evidence"} == {3}
