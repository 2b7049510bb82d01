"""A clone that was copied or moved sets its environment up anew; `uv` is replaced by a script that notes its calls."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import foreign_environment

ROOT = Path(__file__).parents[2]
UV = """#!/bin/sh
echo "$@" >> calls
if [ "$1" = venv ]; then mkdir -p .venv/bin && touch .venv/bin/python; fi
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `make setup` reads, in a folder with a space in its name."""
    folder = tmp_path / "first place"
    folder.mkdir()
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "uv").write_text(UV)
    (folder / "uv").chmod(0o755)
    return folder


def setup(folder: Path, target: str = "setup") -> list[str]:
    """The calls of `uv` that `make` does."""
    (folder / "calls").unlink(missing_ok=True)
    done = subprocess.run(["make", target, "UV=./uv"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []


@pytest.mark.parametrize("target", ["setup", "setup-dev"])
def test_an_environment_is_made_once(clone: Path, target: str) -> None:
    assert [call.split()[0] for call in setup(clone, target)] == ["venv", "pip", "pip"]
    assert setup(clone, target) == []


@pytest.mark.parametrize("target", ["setup", "setup-dev"])
def test_a_copied_or_moved_clone_makes_its_own(clone: Path, target: str, tmp_path: Path) -> None:
    setup(clone, target)
    (clone / ".venv" / "old").touch()
    copied = Path(shutil.copytree(clone, tmp_path / "copy"))
    moved = clone.rename(tmp_path / "moved")
    for folder in (copied, moved):
        assert [call.split()[0] for call in setup(folder, target)] == ["venv", "pip", "pip"]
        assert not (folder / ".venv" / "old").exists()
        assert setup(folder, target) == []


def test_an_environment_of_an_earlier_version_stays_where_it_was_made(clone: Path) -> None:
    setup(clone)
    (clone / ".venv" / ".place").unlink()
    (clone / ".venv" / "old").touch()
    (clone / ".venv" / "bin" / "unteachable").write_text(f"#!{clone}/.venv/bin/python\n")
    assert "venv" not in [call.split()[0] for call in setup(clone)]
    assert (clone / ".venv" / "old").exists()
    assert setup(clone) == []


def test_the_script_of_a_moved_environment_is_refused(tmp_path: Path) -> None:
    environment = tmp_path / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").touch()
    script = environment / "bin" / "unteachable"
    assert foreign_environment(script, Path(sys.prefix)) == environment
    assert foreign_environment(script, environment) is None
    assert foreign_environment(tmp_path / "bin" / "unteachable", Path(sys.prefix)) is None, "a link, or another script"


def test_it_says_what_to_do(tmp_path: Path) -> None:
    environment = tmp_path / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").touch()
    script = environment / "bin" / "unteachable"
    script.write_text(f"#!{sys.executable}\nfrom cli.main import main\nmain()\n")
    script.chmod(0o755)
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"unteachable: {environment} was copied or moved and would run the code of {Path(sys.prefix).parent}: run "
        f"`make setup` in {tmp_path}\n"
    )
