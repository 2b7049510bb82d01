"""Runs commands in the process of the tests."""

from typing import Any

import pytest

from cli import main as cli
from store.settings import Settings, get_settings
from tests.support.processes import environment


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command in this process, and returns its exit status and its lines on standard error that are no log."""

    def command(settings: Settings, *words: str, **changes: str) -> tuple[int, list[str], str]:
        for name, value in (environment(settings) | changes).items():
            if name.startswith("UNTEACHABLE_"):
                monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["unteachable", *words])
        get_settings.cache_clear()
        try:
            with pytest.raises(SystemExit) as ended:
                cli.main()
        finally:
            get_settings.cache_clear()
        printed = capsys.readouterr()
        lines = [line for line in printed.err.splitlines() if not line.startswith("{")]
        return int(ended.value.code or 0), lines, printed.out

    return command
