"""docs/architecture.md is read along in the code: every file that it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_file_it_names_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`((?:api|cli|core|experiments|ops|store|worker)/[\w/.]*\w)`", text)
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).exists()] == []
