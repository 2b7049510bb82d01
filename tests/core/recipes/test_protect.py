"""The whole recipe on small images: the archive, the report, and what a cancel leaves behind."""

import io
import json
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput, Cancelled
from core.evaluation.evaluation_data import EvaluationData
from core.evaluation.evidence import measure_evidence
from core.recipes import protect
from core.recipes.options import DatasetSource, RunOptions
from core.results.evidence import Evidence
from core.results.protection import ProtectionReport
from core.runtime.progress import Step
from core.specs.configs import TrainingLength
from core.specs.presets import PRESETS, QUICK
from core.specs.protect import ProtectSpec
from tests.support.uploads import encoded, image_file, write_folder, write_zip
from tests.support.uploads import pixels as drawn

SOME = TrainingLength(epochs=0, min_updates=6, max_updates=6, batch=32)
MEASURED = 130  # images in each class, so that a fifth of both classes is 52 test images


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset's own path with fewer updates."""
    noise = {name: replace(recipe, length=SOME) for name, recipe in QUICK.noise.items()}
    schedules = {name: replace(schedule, length=SOME) for name, schedule in QUICK.schedules.items()}
    monkeypatch.setitem(PRESETS, "quick", replace(QUICK, noise=noise, schedules=schedules))


def upload(tmp_path: Path, *, each: int = 6, **more: bytes) -> Path:
    files = {
        f"{name}/{i}.png": image_file(seed=100 * k + i) for k, name in enumerate(("cat", "dog")) for i in range(each)
    }
    return write_zip(tmp_path / "pets.zip", files | {name.replace("__", "/"): data for name, data in more.items()})


def run(source: Path, tmp_path: Path, **spec: object) -> tuple[ProtectionReport, zipfile.ZipFile]:
    scratch = Path(tempfile.mkdtemp(dir=tmp_path))
    done = protect.protect(
        DatasetSource(path=source), tmp_path / "out.zip", ProtectSpec.parse(spec), RunOptions(scratch=scratch)
    )
    return done.report, zipfile.ZipFile(done.archive)


def pixels(data: zipfile.ZipFile, name: str) -> np.ndarray:
    with data.open(name) as file:
        return np.asarray(Image.open(file)).astype(int)


def test_the_archive_is_the_uploads_tree_within_the_radius(tmp_path: Path) -> None:
    source = upload(tmp_path, **{"README.txt": b"hello", "cat__bad.jpg": b"no picture"})
    report, archive = run(source, tmp_path, radius_u=6, evidence="none", method="em")
    with zipfile.ZipFile(source) as before:
        paths = set(before.namelist()) - {"cat/bad.jpg"}
        assert set(archive.namelist()) == paths | {"report.json", "report.html", "MANIFEST.json"}
        assert archive.read("README.txt") == b"hello"
        for name in (name for name in paths if name.endswith(".png")):
            change = np.abs(pixels(archive, name) - pixels(before, name))
            assert 0 < change.max() <= 6
    assert [skipped.path for skipped in report.dataset.skipped] == ["cat/bad.jpg"]
    assert report.imperceptibility.linf_max <= 6
    assert json.loads(archive.read("report.json")) == json.loads(report.to_json())
    assert json.loads(archive.read("MANIFEST.json"))["spec"]["radius_u"] == 6
    assert report.generator["method"] == "em"


def test_too_few_images_give_a_note_instead_of_numbers(tmp_path: Path) -> None:
    report, _ = run(upload(tmp_path), tmp_path)
    assert report.evidence.rows == ()
    assert "too few images" in str(report.evidence.note)


def test_a_class_of_one_image_is_protected(tmp_path: Path) -> None:
    report, archive = run(upload(tmp_path, each=1), tmp_path)
    assert report.imperceptibility.linf_max == 8
    assert len(archive.namelist()) == 5


def test_evidence_is_taken_from_both_trainings(tmp_path: Path) -> None:
    report, _ = run(upload(tmp_path, each=MEASURED), tmp_path, method="em")
    assert (report.evidence.train_images, report.evidence.test_images) == (208, 52)
    assert report.evidence.chance == 0.5
    rows = [(row.training, row.radius, row.countermeasure) for row in report.evidence.rows]
    assert rows == [("standard", 0, None), ("adversarial", 4, None), ("standard", 0, "greyscale")]
    for row in report.evidence.rows:
        assert row.ci95_after[0] <= row.accuracy_after <= row.ci95_after[1]
        assert row.peak_after >= row.accuracy_after
    assert set(report.stages) == {"unpacking", "decoding", "training", "noise", "writing", "evidence", "report"}


@pytest.mark.slow
def test_full_evidence_adds_half_the_radius_and_what_is_easily_done(tmp_path: Path) -> None:
    report, _ = run(upload(tmp_path, each=MEASURED), tmp_path, method="em", evidence="full")
    assert [(row.radius, row.countermeasure) for row in report.evidence.rows] == [
        (0, None),
        (2, None),
        (4, None),
        (0, "jpeg-75"),
        (0, "greyscale"),
    ]


def test_a_share_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
    source = upload(tmp_path)
    _, archive = run(source, tmp_path, percentage=50, evidence="none", method="em")
    with zipfile.ZipFile(source) as before:
        changed = [name for name in before.namelist() if (pixels(archive, name) != pixels(before, name)).any()]
    assert [sum(name.startswith(c) for name in changed) for c in ("cat", "dog")] == [3, 3]


def test_evidence_is_measured_at_the_requested_percentage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[EvaluationData] = []

    def recorded(data: EvaluationData, *args: Any, **kwargs: Any) -> Evidence:
        seen.append(data)
        return measure_evidence(data, *args, **kwargs)

    monkeypatch.setattr(protect, "measure_evidence", recorded)
    run(upload(tmp_path, each=MEASURED), tmp_path, method="em", percentage=80)
    changed = (seen[0].delivered != seen[0].clean).any(axis=(1, 2, 3))
    for label in (0, 1):
        own = seen[0].labels == label
        assert changed[own & ~seen[0].test_mask].mean() == pytest.approx(0.8, abs=0.01)
        assert changed[own].mean() == pytest.approx(0.8, abs=0.01)


def test_the_same_seed_gives_the_same_images(tmp_path: Path) -> None:
    source = upload(tmp_path)
    digests = []
    for seed in (1, 1, 2):
        _, archive = run(source, tmp_path, seed=seed, evidence="none", method="em")
        digests.append({name: archive.read(name) for name in archive.namelist() if name.endswith(".png")})
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


@pytest.mark.parametrize("stage", ["unpacking", "decoding", "training", "noise", "writing"])
def test_a_cancel_before_the_images_are_written_leaves_no_archive(tmp_path: Path, stage: str) -> None:
    def cancel(step: Step) -> None:
        if step.stage == stage:
            raise Cancelled

    source, out = upload(tmp_path, each=MEASURED), tmp_path / "out.zip"
    (tmp_path / "scratch").mkdir()
    options = RunOptions(scratch=tmp_path / "scratch", on_progress=cancel)
    with pytest.raises(Cancelled):
        protect.protect(DatasetSource(path=source), out, ProtectSpec(method="em"), options)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["pets.zip"]


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "only", {"cat/readme.txt": b"no image"})
    with pytest.raises(BadInput, match="no images inside"):
        run(folder, tmp_path)


def test_large_images_get_enlarged_noise_within_the_radius(tmp_path: Path) -> None:
    files = {
        f"{c}/{i}.jpg": image_file("JPEG", 300 + 20 * i, 200, seed=10 * k + i)
        for k, c in enumerate("ab")
        for i in (0, 1)
    }
    source = write_zip(tmp_path / "large.zip", files)
    report, archive = run(source, tmp_path, evidence="none", method="em", format="png")
    assert report.generator["work_size"] == 64
    with zipfile.ZipFile(source) as before:
        for name in files:
            change = pixels(archive, name.replace(".jpg", ".png")) - pixels(before, name)
            assert 0 < np.abs(change).max() <= 8


def test_jpegs_come_back_as_jpegs_with_what_exceeds_the_radius_counted(tmp_path: Path) -> None:
    files = {f"{c}/{i}.jpg": image_file("JPEG", 200, 150, seed=10 * k + i) for k, c in enumerate("ab") for i in (0, 1)}
    report, archive = run(write_zip(tmp_path / "photos.zip", files), tmp_path, evidence="none", method="em")
    exceeded = 0
    for name, data in files.items():
        before = np.asarray(Image.open(io.BytesIO(data))).astype(int)
        after = np.asarray(Image.open(io.BytesIO(archive.read(name)))).astype(int)
        exceeded += int(np.abs(after - before).max() > 8)
    assert exceeded
    counted = f"{exceeded} of 4 delivered images differ from the upload by more than 8 of 255"
    assert any(counted in text for text in report.caveats)


@pytest.mark.parametrize("kind", ["grey AVIF", "WebP with opaque alpha"])
def test_the_page_shows_what_reads_back_with_other_channels(tmp_path: Path, kind: str) -> None:
    def one(seed: int) -> bytes:
        if kind == "grey AVIF":
            return encoded(Image.fromarray(drawn(channels=1, seed=seed)), "AVIF")
        data = bytearray(image_file("WEBP", seed=seed, lossless=True))
        data[24] |= 16  # VP8L's bit that says there is alpha
        return bytes(data)

    ending = "avif" if kind == "grey AVIF" else "webp"
    files = {f"{c}/{i}.{ending}": one(10 * k + i) for k, c in enumerate("ab") for i in (0, 1)}
    _, archive = run(write_zip(tmp_path / "odd.zip", files), tmp_path, evidence="none", method="em", format="same")
    page = archive.read("report.html").decode()
    assert all(name in page for name in files)
