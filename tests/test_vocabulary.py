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

METAPHORS = re.compile(  # in no name and no sentence
    r"bells?|darkroom|doorbell|heart|intake|judged?|judges|laboratory|lessons?|litter|newsroom|orphans?|parcel|rung"
    r"|shelf|shelves|sieve|strangers?|sweep(s|er|ing)?|thief|thieves|tidy|tidie[ds]|tidying"
)
NAMES = re.compile(  # not as the name of anything in Python code; in a sentence they may be plain English
    r"arrivals?|ask(ed|ing)|beats?|compartment|courses?|develop(ed)?|examination|examine|exhibits?|fell|growing"
    r"|held_out|house|kept|misfits|news|people|pictures?|pour|rose|schools?|shown|somebody|standing|surveys?|watched"
)
FORMER_NAMES = {  # that stay valid, or are told: settings, columns
    "CHANGELOG.md": {"tidied", "bell", "heart", "newsroom", "orphan", "rung", "sweep"},
    "migrations/versions/0001_the_first_tables.py": {"rung"},
    "store/models/jobs.py": {"rung"},
    "store/job_settings.py": {"sweep"},
    "tests/store/test_settings.py": {"sweep"},
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


def old_words(name: str) -> list[str]:
    """FILE:LINE: WORD of every old word in a file."""
    if name == "tests/test_vocabulary.py":
        return []
    text = (ROOT / name).read_text()
    found = [(line, word) for line, word in words_of(text) if METAPHORS.fullmatch(word)]
    if name.endswith(".py"):
        found += [(line, word) for line, word in names_of(text) if NAMES.fullmatch(word)]
    return [f"{name}:{line}: {word}" for line, word in found if word not in FORMER_NAMES.get(name, set())]


def test_no_old_word_is_left() -> None:
    assert [word for name in tracked_files() for word in old_words(name)] == []


@pytest.mark.parametrize("text", ["the thief", "thief_of_images = 1", "class ThiefOfImages: ..."])
def test_an_old_word_is_found_in_sentences_and_names(text: str) -> None:
    assert any(METAPHORS.fullmatch(word) for _, word in words_of(text))
