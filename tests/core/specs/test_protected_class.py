"""Verification with one protected class: training images, test images, and the report."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import BadInput, SpecError
from core.evaluation import learner_run
from core.evaluation.learner_run import LabelledArrays, LearnerConfig
from core.ingest.split import select_test_mask
from core.recipes import protect, protection_noise
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.verify import VerificationTarget, verify
from core.reports.heatmap import heat_map
from core.reports.text_tables import verification_table
from core.reports.verification_html import render_verification
from core.results.evidence import Curve
from core.results.verification import VerificationReport
from core.specs.protect import ProtectSpec
from core.specs.verify import VerifySpec
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.uploads import image_file, write_zip

COUNTS = {"cat": 250, "dog": 20, "owl": 255}  # a fifth of each is tested: 50, 4 and 51
CAT, OWL = 0, 2
TrainedLearners = list[tuple[LearnerConfig, LabelledArrays, LabelledArrays]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pets.zip, and out.zip: its copies, each colour value 3 higher where that can be; part.zip has them of 40 %."""
    folder = tmp_path_factory.mktemp("one-class")
    files = {
        f"{name}/{i}.png": image_file(width=32, height=32, seed=1000 * k + i)
        for k, (name, count) in enumerate(COUNTS.items())
        for i in range(count)
    }
    write_zip(folder / "pets.zip", files)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            protection_noise, "generate_noise", lambda images, *more, **how: np.full(images.pixels.shape, 3, np.int8)
        )
        for name, percentage in (("out", 100), ("part", 40)):
            spec = ProtectSpec(evidence="none", seed=5, method="em", percentage=percentage)
            (folder / name).mkdir()
            options = RunOptions(scratch=folder / name)
            protect.protect(DatasetSource(path=folder / "pets.zip"), folder / f"{name}.zip", spec, options)
    return folder


def record_learners(patched: pytest.MonkeyPatch) -> TrainedLearners:
    """Record the config and images of each learner. None is trained: their accuracy is 0.9 and 0.1 in turn."""
    trained: TrainedLearners = []

    def run_learner(config: LearnerConfig, data: LabelledArrays, test: LabelledArrays, *more: Any, **how: Any) -> Curve:
        trained.append((config, data, test))
        end = 0.9 if len(trained) % 2 else 0.1
        return Curve(epoch=(1, 2), accuracy=(0.1, end), loss=(1.0, 0.5))

    patched.setattr(learner_run, "run_learner", run_learner)
    return trained


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> TrainedLearners:
    """The config and images of each learner."""
    return record_learners(monkeypatch)


@pytest.fixture(scope="module")
def of_cats(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[VerificationReport, TrainedLearners]:
    """A verification of cats alone, and the config and images of its learners."""
    with pytest.MonkeyPatch.context() as patched:
        trained = record_learners(patched)
        return run(folder, tmp_path_factory.mktemp("cats")), trained


def run(folder: Path, tmp_path: Path, *, archive: str | None = "out.zip", **more: Any) -> VerificationReport:
    how = {key: more.pop(key) for key in ("checkpoints",) if key in more}
    spec = VerifySpec.parse({"trainings": [{"radius": 0}], "protected_class": "cat"} | more)
    scratch = tmp_path / f"scratch-{len(list(tmp_path.iterdir()))}"
    target = None if archive is None else VerificationTarget(archive=folder / archive)
    options = RunOptions(scratch=scratch, cores=1, **how)  # learners one after the other
    return verify(DatasetSource(path=folder / "pets.zip"), target, spec, options)


def test_only_that_class_is_protected_and_tested(
    of_cats: tuple[VerificationReport, TrainedLearners],
) -> None:
    report, [(first, before, test), (second, after, same)] = of_cats
    changed = (after.pixels != before.pixels).any((1, 2, 3))
    assert (before.labels == after.labels).all()
    assert np.bincount(before.labels).tolist() == [200, 16, 204]
    assert (changed == (after.labels == CAT)).all()
    assert set(np.unique(after.pixels.astype(int) - before.pixels)) == {0, 1, 2, 3}
    labels = np.repeat([0, 1, 2], list(COUNTS.values()))
    apart = select_test_mask(labels, [None] * len(labels), seed=5)[: COUNTS["cat"]]
    assert test.labels.tolist() == [CAT] * int(apart.sum()) == [CAT] * 50
    assert (test.pixels == same.pixels).all()
    learned = {one.tobytes() for one in before.pixels}
    assert not any(one.tobytes() in learned for one in test.pixels)
    assert (first.updates, first.seed) == (second.updates, second.seed)
    row = report.evidence.rows[0]
    assert (row.protected_class, row.rest, report.evidence.test_images) == ("cat", None, 50)


def test_chance_is_naming_every_class_equally_often(of_cats: tuple[VerificationReport, TrainedLearners]) -> None:
    report, _ = of_cats
    assert report.evidence.chance == pytest.approx(1 / 3)  # all tested images are of one class
    cell = heat_map(report).rows[0].cells[0]
    assert cell is not None
    assert (cell.accuracy, cell.before, cell.level, cell.outcome) == ("10.0", "90.0", 0, "shown")


def test_a_saved_curve_is_reused_for_its_class_alone(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    checkpoints = MemoryCheckpointStore()
    for name in ("cat", "owl", None, "owl"):
        run(folder, tmp_path, checkpoints=checkpoints, protected_class=name)
    tested = [set(test.labels.tolist()) for _, _, test in trained]
    assert tested == [{CAT}, {CAT}, {OWL}, {OWL}, {0, 1, 2}, {0, 1, 2}]


def test_every_report_states_what_was_tested(of_cats: tuple[VerificationReport, TrainedLearners]) -> None:
    report, _ = of_cats
    sentence = "Tested on the 50 clean images of “cat” alone; the other classes were clean."
    assert any(caveat.startswith(sentence) for caveat in report.caveats)
    assert any("A model that names “cat” for every image" in caveat for caveat in report.caveats)
    table = verification_table(report)
    assert sentence in table
    assert "evenly gives 33.3" in table
    told = json.loads(report.to_json())
    assert told["spec"]["protected_class"] == told["evidence"]["rows"][0]["protected_class"] == "cat"
    assert VerificationReport.from_json(report.to_json()) == report
    page = render_verification(report)
    assert "Tested on the 50 clean images of “<bdi>cat</bdi>” alone" in page
    assert "“cat” alone protected" in page
    hostile = replace(report, spec=dict(report.spec) | {"protected_class": "<script>x"})
    assert "<script" not in render_verification(hostile)


def test_reports_of_older_versions_are_read_and_drawn(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    report = run(folder, tmp_path, protected_class=None)
    old = json.loads(report.to_json())
    del old["spec"]["protected_class"], old["spec"]["image_size"]
    for row in old["evidence"]["rows"]:
        del row["protected_class"], row["learner"]
    read = VerificationReport.from_json(json.dumps(old))
    assert read.protected_class is None
    rows = tuple(replace(row, learner="") for row in report.evidence.rows)
    assert read.evidence == replace(report.evidence, rows=rows)
    assert render_verification(read) == render_verification(report)
    assert "alone" not in verification_table(read)


@pytest.mark.parametrize(
    ("requested", "message"),
    [
        ({"protected_class": "cow"}, "must be a class of the dataset: cat, dog, owl$"),
        ({"archive": None}, "nothing in a dataset alone is protected"),
        ({"archive": "part.zip"}, "only 40 % of this archive"),
    ],
)
def test_a_refusal_names_the_field(
    folder: Path, tmp_path: Path, trained: TrainedLearners, requested: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message) as refused:
        run(folder, tmp_path, **requested)
    assert [error.field for error in refused.value.errors] == ["protected_class"]
    assert trained == []


def test_a_class_of_too_few_images_is_refused(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    with pytest.raises(BadInput, match="too few images of “dog”: 4 could be held out for testing, and at least 50"):
        run(folder, tmp_path, protected_class="dog")
    assert trained == []
