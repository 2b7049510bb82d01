"""The table of OWASP ASVS names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_named_test_exists() -> None:
    table = (ROOT / "docs/security/asvs-v5.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", table)
    assert len(named) > 15
    for path, test in named:
        assert f"def {test}(" in (ROOT / path).read_text(), f"{path}::{test}"
    for path in re.findall(r"\]\((\.\./[^)#]+)\)", table):
        assert (ROOT / "docs/security" / path).exists(), path
