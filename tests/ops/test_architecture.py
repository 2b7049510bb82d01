"""Every repository path that a document or a docstring names in backticks exists."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = "api|benchmarks|cli|core|docs|examples|experiments|migrations|ops|store|tests|worker"
PATH = re.compile(rf"`((?:{PACKAGES})/[\w/.-]*\w)`")


def tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines()]


@pytest.mark.parametrize("pattern", ["*.md", "*.py"])
def test_every_named_path_exists(pattern: str) -> None:
    named = {
        (str(file.relative_to(ROOT)), path) for file in tracked(pattern) for path in PATH.findall(file.read_text())
    }
    assert named
    missing = [(file, path) for file, path in named if "NNNN" not in path and not (ROOT / path).exists()]
    assert sorted(missing) == []


def test_the_architecture_names_the_modules() -> None:
    assert len(PATH.findall((ROOT / "docs" / "architecture.md").read_text())) > 30
