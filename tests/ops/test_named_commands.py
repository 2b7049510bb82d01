"""Every command, option, make target and setting that a document names exists."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli.main import app
from store.settings import Settings
from tests.ops.test_architecture import ROOT, tracked

PROGRAM = r"(?:unteachable|make|python3?|\.venv/)"
CODE = re.compile(rf"```.*?```|`(?={PROGRAM})[^`]+`|`[^`\n]+`|^    {PROGRAM}[^\n]+", re.DOTALL | re.MULTILINE)
COMMAND_END = r"[^`|;&#\n]*"
OPTION = re.compile(r"(?<!\S)(--[a-z][\w-]*)")
SETTING = re.compile(r"\bUNTEACHABLE_[A-Z0-9_]*[A-Z0-9]\b")
NO_SETTINGS = {  # read by a file of docker/ or by the command line, not by the service
    "UNTEACHABLE_BIND",
}


def documents() -> list[Path]:
    """All documents but the list of changes, which names what is gone."""
    return [file for file in tracked("*.md") if file.name != "CHANGELOG.md" and file.exists()]


def commands(program: str) -> Iterator[tuple[str, str, str]]:
    """The uses of a program in code of the documents: the document, the word after the program, and the rest.

    The program stands first, behind its folder, behind another command, or behind a service of the compose file.
    """
    place = r"(?:^ *|`|[\w.]/bin/|[;&|] *|\b(?:api|check|science) )"
    pattern = re.compile(rf"{place}{program} +([a-z][\w.-]*)(?=[\s`]|$)({COMMAND_END})", re.MULTILINE)
    for file in documents():
        for code in CODE.findall(file.read_text()):
            lines = code.replace("\\\n", " ") if code.startswith("```") else code.replace("\n", " ")
            for found in pattern.finditer(lines):
                yield file.name, found[1], found[2]


def test_every_command_and_each_of_its_options_exists() -> None:
    group: Any = typer.main.get_command(app)
    context = group.context_class(group)
    used = list(commands("unteachable"))
    assert len(used) > 30
    for file, name, rest in used:
        command = group.get_command(context, name)
        assert command is not None, f"{file}: unteachable {name}"
        known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
        assert set(OPTION.findall(rest)) <= known, f"{file}: unteachable {name}{rest}"


def test_every_benchmark_and_each_of_its_options_exists() -> None:
    used = [use for use in commands(r"python3? -m") if use[1].startswith("benchmarks.")]
    assert len(used) > 10
    for file, name, rest in used:
        module = ROOT / f"{name.replace('.', '/')}.py"
        assert module.exists(), f"{file}: {name}"
        imported = re.findall(r"^from (benchmarks\.[\w.]+) import", module.read_text(), re.MULTILINE)
        sources = [module, *(ROOT / f"{other.replace('.', '/')}.py" for other in imported)]
        known = {option for source in sources for option in re.findall(r'"(--[\w-]+)"', source.read_text())}
        assert set(OPTION.findall(rest)) <= known, f"{file}: {name}{rest}"


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = list(commands("make"))
    assert len(used) > 5
    assert {(file, name) for file, name, _ in used if name not in targets} == set()


@pytest.mark.parametrize("file", documents(), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_setting_exists(file: Path) -> None:
    known = {f"UNTEACHABLE_{name.upper()}" for name in Settings.model_fields} | NO_SETTINGS
    assert set(SETTING.findall(file.read_text())) <= known
