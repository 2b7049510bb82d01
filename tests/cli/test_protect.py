"""`unteachable protect` on the command line: what it writes, and what is refused in one line."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.specs.protect import ProtectSpec
from tests.support.uploads import two_classes, write_zip

PROGRAM = [sys.executable, "-m", "cli.main", "protect"]


def protect(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *map(str, words)], capture_output=True, text=True, check=False)


def test_every_key_of_the_spec_is_an_option() -> None:
    text = protect("--help").stdout
    for name in ProtectSpec.spec_fields().keys() - {"generator_id", "reference_dataset_id"}:
        assert f"--{name.replace('_', '-')}" in text


def test_a_switch_that_is_on_has_an_option_to_turn_it_off() -> None:
    text = protect("--help").stdout
    assert "--no-eot" in text
    assert "--no-keep-exif" not in text


def test_an_archive_is_protected_and_the_result_is_printed(tmp_path: Path) -> None:
    source, out = write_zip(tmp_path / "in.zip", two_classes(cat__broken_dot_png=b"x")), tmp_path / "out.zip"
    done = protect(source, out, "--method", "em", "--evidence", "none", "--radius-u", 5)
    assert done.returncode == 0, done.stderr
    assert "4 images protected" in done.stdout
    assert "skipped cat/broken.png" in done.stderr
    assert "report.json" in zipfile.ZipFile(out).namelist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--radius-a", "8"], "--radius-a must be less than radius_u"),
        (["--method", "magic", "--seed", "-1"], "--method must be one of"),
        (["--preset", "fast"], "--preset must be one of instant, quick, standard, paper"),
    ],
)
def test_a_bad_option_is_one_clear_line(tmp_path: Path, options: list[str], message: str) -> None:
    done = protect(write_zip(tmp_path / "in.zip", two_classes()), tmp_path / "out.zip", *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.parametrize("name", ["missing.zip", "text.zip", "empty.zip"])
def test_a_bad_source_is_one_clear_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.zip").write_text("no archive")
    write_zip(tmp_path / "empty.zip", {"cat/readme.txt": b"no image"})
    done = protect(tmp_path / name, tmp_path / "out.zip")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("unteachable: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.zip").exists()


def test_other_classes_that_are_not_there_are_refused_by_their_path(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "in.zip", two_classes())
    done = protect(source, tmp_path / "out.zip", "--reference", tmp_path / "nowhere")
    assert done.returncode != 0
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
