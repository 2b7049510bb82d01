"""Every path, module, and name in a module that a document or a docstring gives in backticks exists."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = "api|benchmarks|cli|core|docs|examples|experiments|migrations|ops|store|tests|worker"
PATH = re.compile(rf"`((?:{PACKAGES})/[\w/.-]*\w)`")
DOTTED = re.compile(rf"`((?:{PACKAGES})(?:\.(?!txt\b)\w+)+)")


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


def exists(dotted: str) -> bool:
    """Whether there is such a module, or a module before it that mentions the rest."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if place.is_dir() or source.exists():
            text = source.read_text() if source.exists() else ""
            return all(re.search(rf"\b{name}\b", text) for name in parts[length:])
    return False


@pytest.mark.parametrize("pattern", ["*.md", "*.py"])
def test_every_named_module_exists(pattern: str) -> None:
    named = {
        (str(file.relative_to(ROOT)), name)
        for file in tracked(pattern)
        if file.name != "CHANGELOG.md"
        for name in DOTTED.findall(file.read_text())
    }
    assert named
    assert sorted((file, name) for file, name in named if not exists(name)) == []


def test_the_architecture_names_the_modules() -> None:
    assert len(PATH.findall((ROOT / "docs" / "architecture.md").read_text())) > 30
