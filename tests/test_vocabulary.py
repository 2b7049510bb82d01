"""The words of docs/glossary.md: metaphors that named things in earlier releases must not come back."""

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUFFIXES = (".py", ".js", ".css", ".html", ".md", ".toml", ".example", "Makefile")

# In no name and no sentence.
METAPHORS = """
    bell bells darkroom doorbell heart intake judge judged judges laboratory lesson lessons litter newsroom orphan orphans parcel
    rung shelf shelves sieve stranger strangers sweep sweeper sweeping sweeps thief thieves tidied tidies tidy tidying
""".split()

# Not as the name of anything in Python code; in a sentence they may be plain English.
NAMES = """
    arrival arrivals asked asking beat beats compartment course courses develop developed examination examine exhibit exhibits
    fell grey growing held_out house intake kept misfits news people picture pictures pour rose school schools shown somebody
    standing survey surveys verdict verdicts watched
""".split()

# Former names that stay readable or are quoted: public keys, options, file names, and the words of others.
ALLOWED = {
    "CHANGELOG.md": {"sweep", "bell", "shelf", "heart"},
    "tests/test_vocabulary.py": set(METAPHORS) | set(NAMES),
}


def tracked_files() -> list[str]:
    """All text files of the project, relative to its root."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if name.endswith(SUFFIXES) and (ROOT / name).exists()]


def words_of(text: str) -> Iterator[tuple[int, str]]:
    """The line number and each word; names are split at underscores and capitals."""
    for number, line in enumerate(text.splitlines(), 1):
        for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", line):
            yield number, word.lower()


def names_of(code: str) -> Iterator[tuple[int, str]]:
    """The line number and each name that Python code defines or uses."""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string


@pytest.mark.parametrize("name", tracked_files())
def test_no_metaphor_is_left(name: str) -> None:
    text = (ROOT / name).read_text()
    found = [f"{name}:{line}: {word}" for line, word in words_of(text) if word in METAPHORS]
    if name.endswith(".py"):
        found += [f"{name}:{line}: {word}" for line, word in names_of(text) if word in NAMES]
    allowed = ALLOWED.get(name, set())
    assert [one for one in found if one.rpartition(" ")[2] not in allowed] == []
