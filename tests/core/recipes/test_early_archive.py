"""The archive is complete before its evidence is measured, which is then all that a later attempt has to do."""

import json
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.archive.replace_report import replace_report
from core.errors import Cancelled
from core.recipes import protect
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.protect import ProtectionResult
from core.recipes.protection_archive import NOT_MEASURED_YET
from core.results.protection import ProtectionReport
from core.runtime.checkpoints import CheckpointStore
from core.runtime.progress import Callback, Step
from core.specs.configs import TrainingLength
from core.specs.presets import PRESETS, QUICK
from core.specs.protect import ProtectSpec
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.uploads import image_file, write_zip

SOME = TrainingLength(epochs=0, min_updates=6, max_updates=6, batch=32)
REPORT_FILES = {"report.json", "report.html", "MANIFEST.json"}


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset's own path with fewer updates."""
    noise = {name: replace(config, length=SOME) for name, config in QUICK.noise.items()}
    schedules = {name: replace(schedule, length=SOME) for name, schedule in QUICK.schedules.items()}
    monkeypatch.setitem(PRESETS, "quick", replace(QUICK, noise=noise, schedules=schedules))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Enough images of two classes for 52 test images, a broken one, and a file that is no image."""
    files = {
        f"{name}/{i}.png": image_file(seed=200 * k + i) for k, name in enumerate(("cat", "dog")) for i in range(130)
    }
    return write_zip(tmp_path / "pets.zip", files | {"README.txt": b"hello " * 1000, "cat/bad.jpg": b"no image"})


def run(
    source: Path, checkpoints: CheckpointStore, *, progress: Callback | None = None, **how: Any
) -> ProtectionResult:
    scratch = Path(tempfile.mkdtemp(dir=source.parent))
    options = RunOptions(scratch=scratch, on_progress=progress, checkpoints=checkpoints)
    out, spec = source.parent / "out.zip", ProtectSpec(method="em")
    return protect.protect(DatasetSource(path=source), out, spec, options, **how)


def cancel_in(stage: str) -> Callback:
    def cancel(step: Step) -> None:
        if step.stage == stage and step.done > 0:
            raise Cancelled

    return cancel


def assert_is_complete(archive: zipfile.ZipFile) -> None:
    assert archive.testzip() is None
    names = archive.namelist()
    assert len(names) == len(set(names)) == 260 + 1 + 3
    records = {record["path"]: record["bytes"] for record in json.loads(archive.read("MANIFEST.json"))["files"]}
    assert records == {i.filename: i.file_size for i in archive.infolist() if i.filename != "MANIFEST.json"}


def test_the_archive_is_complete_before_the_evidence_and_shares_its_images_with_the_final_one(source: Path) -> None:
    early: list[bytes] = []
    done = run(source, MemoryCheckpointStore(), on_archive=lambda path: early.append(path.read_bytes()), job_id="a job")
    (first,), last = early, done.archive.read_bytes()
    (source.parent / "early.zip").write_bytes(first)
    with zipfile.ZipFile(source.parent / "early.zip") as one, zipfile.ZipFile(done.archive) as other:
        assert_is_complete(one)
        assert_is_complete(other)
        before, after = (ProtectionReport.from_json(archive.read("report.json")) for archive in (one, other))
        assert (before.evidence.rows, before.evidence.note) == ((), NOT_MEASURED_YET)
        assert any(NOT_MEASURED_YET in caveat for caveat in before.caveats)
        assert NOT_MEASURED_YET in one.read("report.html").decode().lower()
        assert len(after.evidence.rows) == 3
        assert not any(NOT_MEASURED_YET in caveat for caveat in after.caveats)
        assert (before.job_id, before.imperceptibility.mae) == (after.job_id, after.imperceptibility.mae)
        assert before.imperceptibility.flip is None
        assert after.imperceptibility.flip is not None
        assert after == done.report
        assert set(after.stages) == set(before.stages) | {"evidence", "report"}
        assert [i.header_offset for i in one.infolist()][:-3] == [i.header_offset for i in other.infolist()][:-3]
        images_end = one.getinfo("report.json").header_offset
    assert done.common_bytes is not None
    assert images_end <= done.common_bytes < len(first)
    assert first[: done.common_bytes] == last[: done.common_bytes]


def test_a_later_attempt_measures_without_making_or_writing_anything_again(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, offered = MemoryCheckpointStore(), []
    with pytest.raises(Cancelled):
        run(source, checkpoints, progress=cancel_in("evidence"), on_archive=offered.append)
    early = (source.parent / "out.zip").read_bytes()
    assert len(offered) == 1

    def unwanted(*_: Any) -> Any:
        raise AssertionError("the archive is complete")

    with monkeypatch.context() as patched:
        patched.setattr(protect, "noise_source", unwanted)
        done = run(source, checkpoints, on_archive=unwanted)
    resumed = done.archive.read_bytes()
    assert resumed[: done.common_bytes] == early[: done.common_bytes]
    whole = run(source, MemoryCheckpointStore())
    assert done.report.evidence.rows == whole.report.evidence.rows
    assert done.report.imperceptibility == whole.report.imperceptibility
    with zipfile.ZipFile(done.archive) as archive:
        assert_is_complete(archive)


@pytest.mark.parametrize("lost", ["archive", "another archive", "checkpoint"])
def test_what_was_lost_is_made_again(source: Path, lost: str) -> None:
    checkpoints, out = MemoryCheckpointStore(), source.parent / "out.zip"
    with pytest.raises(Cancelled):
        run(source, checkpoints, progress=cancel_in("evidence"))
    if lost == "archive":
        out.unlink()
    elif lost == "another archive":
        replace_report(out, {"report.json": "{}", "report.html": ""}, tick=lambda: None)
    else:
        del checkpoints.saved["delivered-0.npz"]
    offered: list[Path] = []
    done = run(source, checkpoints, on_archive=offered.append)
    assert offered == [out]
    with zipfile.ZipFile(done.archive) as archive:
        assert_is_complete(archive)
        assert len(done.report.evidence.rows) == 3


def test_a_cancel_in_the_evidence_leaves_the_complete_archive_alone(source: Path) -> None:
    with pytest.raises(Cancelled):
        run(source, MemoryCheckpointStore(), progress=cancel_in("evidence"))
    assert sorted(path.name for path in source.parent.iterdir() if path.is_file()) == ["out.zip", "pets.zip"]
    with zipfile.ZipFile(source.parent / "out.zip") as archive:
        assert_is_complete(archive)
        assert json.loads(archive.read("report.json"))["evidence"]["note"] == NOT_MEASURED_YET


def test_an_archive_without_evidence_to_measure_is_written_once(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "few.zip", {f"{c}/{i}.png": image_file(seed=i) for c in "ab" for i in range(3)})
    offered: list[Path] = []
    done = run(source, MemoryCheckpointStore(), on_archive=offered.append)
    assert (offered, done.common_bytes) == ([], None)
    assert "too few images" in (done.report.evidence.note or "")
