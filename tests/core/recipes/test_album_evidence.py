"""An album joins other classes in its evidence, which says how much of its own held-out images models recognize."""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput
from core.ingest.split import select_album_test_mask
from core.recipes.options import DatasetSource, ReferenceSource, RunOptions
from core.recipes.protect import protect
from core.reports.album_wording import how_measured
from core.reports.text_tables import evidence_table
from core.reports.verdict import verdict_of
from core.results.joined_classes import OWN_DATASETS, JoinedClasses
from core.results.protection import ProtectionReport
from core.specs.configs import TrainingLength
from core.specs.presets import PRESETS
from core.specs.protect import ProtectSpec
from core.specs.protected_class import MIN_ALBUM_IMAGES
from tests.support.photographs import jpeg, photograph
from tests.support.uploads import encoded, write_folder

HUES = {"album": (200, 60, 60), "sea": (50, 90, 200), "wood": (60, 180, 70), "sand": (210, 200, 120)}


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    length = TrainingLength(epochs=0, min_updates=24, max_updates=24, batch=32)
    instant = PRESETS["instant"]
    schedules = {name: replace(schedule, length=length, attack_steps=1) for name, schedule in instant.schedules.items()}
    monkeypatch.setitem(PRESETS, "instant", replace(instant, schedules=schedules))


def small_image(hue: str, seed: int) -> bytes:
    """A PNG of 32 px in the colour of its class, with much noise."""
    rng = np.random.default_rng(seed)
    values = np.array(HUES[hue]) + rng.normal(0, 30, (32, 32, 3))
    return encoded(Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)), "PNG")


def album(count: int) -> dict[str, bytes]:
    return {f"{number}.png": small_image("album", number) for number in range(count)}


def others(*hues: str, count: int = 24) -> dict[str, bytes]:
    return {f"{hue}/{n}.png": small_image(hue, 100 * i + n) for i, hue in enumerate(hues, 1) for n in range(count)}


def run(tmp_path: Path, files: dict[str, bytes], reference: ReferenceSource | None, **spec: object) -> ProtectionReport:
    """Protect an album; the archive is out.zip."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    source = DatasetSource(path=write_folder(tmp_path / "Lisbon", files), reference=reference)
    options = RunOptions(scratch=scratch, device="cpu")
    return protect(source, tmp_path / "out.zip", ProtectSpec.parse(spec), options).report


def reference(tmp_path: Path, files: dict[str, bytes]) -> ReferenceSource:
    folder = write_folder(tmp_path / "others", files)
    return ReferenceSource(origin=OWN_DATASETS, fetch=lambda: folder)


def test_an_album_gets_figures_of_its_own(tmp_path: Path) -> None:
    files = album(40)
    copies = {f"copies/{name}": data for name, data in files.items()}
    report = run(tmp_path, files, reference(tmp_path, others("sea", "wood", "sand") | copies))
    evidence = report.evidence
    assert evidence.note is None
    assert evidence.joined == JoinedClasses(origin=OWN_DATASETS, classes=3, images=60), "copies are no other class"
    assert (evidence.train_images, evidence.test_images, evidence.chance) == (80, 20, 0.25)
    standard = evidence.rows[0]
    assert standard.accuracy_before > 0.9, "a red album is told from blue, green and yellow images"
    assert standard.curves["after"].loss != standard.curves["before"].loss, "one learned from what was delivered"
    verdict = verdict_of(evidence)
    assert "models recognize" in verdict.headline
    assert "of the album instead of" in verdict.headline
    assert verdict.details[0] == how_measured(evidence)
    assert "3 other classes (60 images from your other datasets)" in verdict.details[0]
    assert "20 images of the album beside 3 other classes" in evidence_table(evidence)
    assert ProtectionReport.from_json(report.to_json()) == report
    assert not any("not of this album" in caveat for caveat in report.caveats)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        page = archive.read("report.html").decode()
    assert "recognize as the album" in page
    assert "wood" not in report.to_json(), "the names of other classes stay private"


def test_without_other_classes_the_report_says_in_plain_words_what_to_do(tmp_path: Path) -> None:
    report = run(tmp_path, album(MIN_ALBUM_IMAGES), None)
    assert report.evidence.rows == ()
    assert "Upload another dataset" in str(report.evidence.note)
    assert any("not of this album: on " in caveat for caveat in report.caveats)


def test_a_small_album_is_protected_and_not_measured(tmp_path: Path) -> None:
    report = run(tmp_path, album(19), reference(tmp_path, others("sea")))
    assert "the album has 19 images, and 20 are needed" in str(report.evidence.note)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({f"sky/{n}.jpg": jpeg(photograph(seed=n)) for n in range(6)}, "the album has small images"),
        (others("sea", count=4) | others("wood", count=4), "no other class has 5 images"),
    ],
)
def test_other_classes_that_cannot_be_used_lose_no_protection(
    tmp_path: Path, files: dict[str, bytes], expected: str
) -> None:
    report = run(tmp_path, album(MIN_ALBUM_IMAGES), reference(tmp_path, files))
    assert expected in str(report.evidence.note)
    assert report.dataset.images == MIN_ALBUM_IMAGES


def test_what_was_deleted_meanwhile_is_said(tmp_path: Path) -> None:
    def deleted() -> Path:
        raise BadInput("a dataset with the other classes was deleted meanwhile")

    report = run(tmp_path, album(MIN_ALBUM_IMAGES), ReferenceSource(origin=OWN_DATASETS, fetch=deleted))
    assert "deleted meanwhile" in str(report.evidence.note)


def test_no_evidence_is_measured_where_none_was_requested(tmp_path: Path) -> None:
    report = run(tmp_path, album(MIN_ALBUM_IMAGES), reference(tmp_path, others("sea")), evidence="none")
    assert report.evidence.note == "none was requested"


@pytest.mark.parametrize(("images", "tested"), [(20, 10), (90, 45), (150, 50), (1000, 200)])
def test_the_test_images_of_an_album_are_a_fifth_or_enough_of_it(images: int, tested: int) -> None:
    mask = select_album_test_mask(images, seed=3)
    assert (len(mask), int(mask.sum())) == (images, tested)
