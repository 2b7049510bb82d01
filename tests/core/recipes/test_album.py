"""Albums: one image, a few, images without labels. Each is protected, and the report says what it cannot say."""

import json
import zipfile
from pathlib import Path

import pytest

from core.errors import BadInput, SpecError
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.protect import protect
from core.recipes.train import train_generator
from core.results.protection import ProtectionReport
from core.specs.protect import ProtectSpec
from tests.support.uploads import image_file, write_folder


def run(source: Path, tmp_path: Path, spec: ProtectSpec) -> ProtectionReport:
    """Protect a folder; the archive is out.zip."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return protect(DatasetSource(path=source), tmp_path / "out.zip", spec, RunOptions(scratch=scratch)).report


@pytest.mark.parametrize(("width", "height", "count"), [(1, 1, 1), (64, 48, 1), (40, 30, 2)])
def test_an_album_of_any_size_is_protected_without_training(
    tmp_path: Path, width: int, height: int, count: int
) -> None:
    files = {f"{n}.png": image_file(width=width, height=height, seed=n) for n in range(count)}
    report = run(write_folder(tmp_path / "Lisbon", files), tmp_path, ProtectSpec())
    assert [(one.name, one.images) for one in report.dataset.classes] == [("Lisbon", count)]
    assert report.spec["preset"] == "instant"
    assert report.evidence.note is not None
    assert f"the album has {count} image" in report.evidence.note
    assert report.dataset.layout is not None
    assert report.dataset.layout["kind"] == "album"
    assert "the preset instant replaced quick" in report.dataset.layout["notes"][0]
    assert any("not of this album: on " in caveat for caveat in report.caveats)
    assert ProtectionReport.from_json(report.to_json()) == report
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        changed = [archive.read(name) != data for name, data in files.items()]
        page = archive.read("report.html").decode()
    assert all(changed) or width == 1
    assert "album" in page


def test_what_a_generator_cannot_do_for_an_album_is_refused_by_the_name_of_the_field(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "album", {"a.png": image_file(), "b.png": image_file()})
    with pytest.raises(SpecError, match="radius_u: must be 8"):
        run(folder, tmp_path, ProtectSpec(radius_u=16))


def test_images_without_labels_are_protected_and_left_out_of_the_evidence(tmp_path: Path) -> None:
    files = {f"{name}/{n}.png": image_file(width=32, height=32, seed=n) for name in ("cat", "dog") for n in range(130)}
    files |= {f"{n}.png": image_file(width=32, height=32, seed=n) for n in range(20)}
    spec = ProtectSpec(preset="instant", evidence="none")
    report = run(write_folder(tmp_path / "pets", files), tmp_path, spec)
    assert [(one.name, one.images) for one in report.dataset.classes] == [
        ("cat", 130),
        ("dog", 130),
        ("(no label)", 20),
    ]
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        manifest = json.loads(archive.read("MANIFEST.json"))
    assert sum(file.get("protected", False) for file in manifest["files"]) == 280
    assert report.evidence.train_images == 260


def test_a_layout_can_be_asked_for(tmp_path: Path) -> None:
    files = {f"{name}/{n}.png": image_file(seed=n) for name in ("2023", "2024") for n in range(2)}
    folder = write_folder(tmp_path / "years", files)
    report = run(folder, tmp_path, ProtectSpec(preset="instant", layout="classes", evidence="none"))
    assert [one.name for one in report.dataset.classes] == ["2023", "2024"]


def test_no_generator_is_trained_on_an_album(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "album", {"a.png": image_file(), "b.png": image_file()})
    (tmp_path / "scratch").mkdir()
    with pytest.raises(BadInput, match="at least two classes"):
        train_generator(
            DatasetSource(path=folder),
            tmp_path / "g.safetensors",
            ProtectSpec(),
            RunOptions(scratch=tmp_path / "scratch"),
        )


def test_folders_are_left_out_of_the_archive_and_can_be_kept(tmp_path: Path) -> None:
    files = {f"{name}/{n}.png": image_file(seed=n) for name in ("cat", "dog") for n in range(2)}
    files |= {f"thumbs/{n}.png": image_file(seed=n) for n in range(2)}
    source = write_folder(tmp_path / "animals", files)
    for case, leave_out in enumerate((None, ())):
        (tmp_path / str(case)).mkdir()
        spec = ProtectSpec(preset="instant", evidence="none", leave_out=leave_out)
        report = run(source, tmp_path / str(case), spec)
        with zipfile.ZipFile(tmp_path / str(case) / "out.zip") as archive:
            delivered = any(name.startswith("thumbs/") for name in archive.namelist())
        assert delivered == (leave_out == ())
        skipped = {one.path: one.reason for one in report.dataset.skipped}
        assert skipped == (
            {} if delivered else dict.fromkeys(("thumbs/0.png", "thumbs/1.png"), skipped["thumbs/0.png"])
        )
