"""The recipe of a verification on drawn images: what each learner gets, and how often it is trained."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import BadInput, Cancelled
from core.evaluation import learner_run
from core.evaluation.learner_run import LabelledArrays, LearnerConfig
from core.ingest.split import select_protect_mask
from core.limits import Limits
from core.recipes import protect, protection_noise
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.verify import VerificationTarget, verify
from core.reports.heatmap import heat_map
from core.reports.verification_html import render_verification
from core.results.evidence import Curve
from core.results.verification import VerificationReport
from core.runtime.progress import Step
from core.specs.protect import ProtectSpec
from core.specs.verify import VerifySpec
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.generator_files import a_card
from tests.support.uploads import image_file, write_zip

EACH = 130  # a fifth of both classes makes 52 to test on
TrainedLearners = list[tuple[LearnerConfig, LabelledArrays, LabelledArrays]]


@pytest.fixture(scope="module")
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
    options = RunOptions(scratch=scratch, **how)
    return verify(DatasetSource(path=folder / "pets.zip"), target, spec, options, on_row=on_row)


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
    from core.ingest.split import select_test_mask

    labels = np.repeat([0, 1], EACH)
    apart = select_test_mask(labels, [None] * len(labels), seed=5)
    assert (test.labels == labels[apart]).all()
    assert report.target is not None
    assert report.target["spec"]["seed"] == 5
    assert any("learned from all images" in caveat for caveat in report.caveats)


@pytest.mark.parametrize(("classes", "known"), [(("cat", "dog", "newt"), True), (("elk", "fox"), False)])
def test_the_report_states_that_the_generator_may_know_the_images(
    folder: Path, tmp_path: Path, trained: TrainedLearners, classes: tuple[str, ...], known: bool
) -> None:
    made = tmp_path / "made.zip"
    with zipfile.ZipFile(folder / "out.zip") as own, zipfile.ZipFile(made, "w") as out:
        for name in own.namelist():
            content = own.read(name)
            if name == "MANIFEST.json":
                manifest = json.loads(content)
                manifest["generator"]["card"] = a_card(class_names=classes).to_dict()
                content = json.dumps(manifest).encode()
            out.writestr(name, content)
    report = run(folder, tmp_path, archive=made)
    assert any("may have been trained on these images" in caveat for caveat in report.caveats) is known
    assert not any("learned from all images" in caveat for caveat in report.caveats)


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


@pytest.mark.parametrize("unpacked", [False, True])
def test_what_noise_adds_to_an_upload_is_over_no_limit(
    folder: Path, tmp_path: Path, trained: TrainedLearners, unpacked: bool
) -> None:
    with zipfile.ZipFile(folder / "pets.zip") as upload, zipfile.ZipFile(folder / "out.zip") as out:
        sizes = [info.file_size for info in upload.infolist()]
        assert sum(info.file_size for info in out.infolist()) > sum(sizes)
        if unpacked:
            out.extractall(tmp_path / "unpacked")
    limits = Limits(bytes=sum(sizes), files=len(sizes), file_bytes=max(sizes))
    report = run(folder, tmp_path, limits=limits, archive=tmp_path / "unpacked" if unpacked else folder / "out.zip")
    assert len(report.evidence.rows) == 1


def test_a_dataset_alone_has_only_the_learner_before(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    report = run(folder, tmp_path, alone=True)
    assert len(trained) == 1
    assert report.target is None
    row = json.loads(report.to_json())["evidence"]["rows"][0]
    assert (row["accuracy_before"], row["accuracy_after"], row["ci95_rest"]) == (0.5, None, None)
    assert VerificationReport.from_json(report.to_json()) == report
    assert "What models learn from these images" in render_verification(report)
    with pytest.raises(BadInput, match="a dataset alone has none"):
        run(folder, tmp_path, alone=True, percentages=[50])


def test_the_heat_map_has_a_cell_for_every_row(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    report = run(
        folder, tmp_path, trainings=[{"radius": 0}, {"norm": "L2", "radius": 50}], countermeasures=["none", "cutout"]
    )
    assert VerificationReport.from_json(report.to_json()) == report
    heat = heat_map(report)
    assert heat.columns == ("Standard", "L2 50/255")
    assert [row.countermeasure for row in heat.rows][1].startswith("with cutout")
    half = replace(report, evidence=replace(report.evidence, rows=report.evidence.rows[:3]))
    assert [[cell is None for cell in row.cells] for row in heat_map(half).rows] == [[False, False], [False, True]]
    assert "3 of 4 rows so far" in render_verification(half)
    hostile = replace(report, dataset=replace(report.dataset, name="</title><script>x"))
    assert "<script" not in render_verification(hostile)


def test_colours_tell_how_much_is_still_learned(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    report = run(folder, tmp_path)
    row = report.evidence.rows[0]

    def cell(before: float, after: float) -> Any:
        sides = {"before": replace(row.before, accuracy=before)}
        assert row.after is not None
        one = replace(row, **sides, after=replace(row.after, accuracy=after))
        drawn = heat_map(replace(report, evidence=replace(report.evidence, rows=(one,), chance=0.5)))
        return drawn.rows[0].cells[0]

    assert [cell(0.9, after).level for after in (0.4, 0.5, 0.7, 0.9, 1.0)] == [0, 0, 5, 10, 10]
    assert cell(0.5, 0.5).level == 10  # there was nothing to take away
    assert (cell(0.9, 0.7).accuracy, cell(0.9, 0.7).before, cell(0.9, 0.7).difference) == ("70.0", "90.0", "−20.0")


def test_other_archives_are_refused(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    others = write_zip(
        tmp_path / "others.zip", {f"{c}/{i}.jpg": image_file("JPEG", seed=i) for c in "ab" for i in range(3)}
    )
    with pytest.raises(BadInput, match="not a protected archive"):
        run(folder, tmp_path, archive=folder / "pets.zip")
    target, options = VerificationTarget(archive=folder / "out.zip"), RunOptions(scratch=tmp_path / "b")
    with pytest.raises(BadInput, match="made from these originals"):
        verify(DatasetSource(path=others), target, VerifySpec(), options)
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad:
        bad.writestr("MANIFEST.json", '{"files": [{"protected": true}]}')
    with pytest.raises(BadInput, match="cannot be read"):
        run(folder, tmp_path, archive=tmp_path / "bad.zip")
