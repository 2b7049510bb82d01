"""The command line: what each command prints, and that light commands import nothing heavy."""

import re
import subprocess
import sys

import pytest

from store import users
from store.database import Database
from store.settings import Settings
from tests.support.broker import start_broker
from tests.support.processes import environment


def run(settings: Settings, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *words],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_token_prints_a_token_and_nothing_else(settings: Settings, database: Database) -> None:
    done = run(settings, "token")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"unt_[\w-]{43}\n", done.stdout)
    with database.read() as session:
        found = users.find_token_user(session, done.stdout.strip())
        assert found is not None
        assert found.user.role == "admin"


def test_token_makes_the_tables_of_a_new_machine(settings: Settings) -> None:
    (settings.home / "unteachable.db").unlink()
    assert run(settings, "token").returncode == 0


HEAVY = """
import sys
from cli.main import main
try:
    main()
except SystemExit:
    pass
print(sorted({name.split(".")[0] for name in sys.modules} & {"torch", "numpy", "PIL", "celery", "fastapi"}))
"""


def test_token_imports_nothing_heavy(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEAVY, "token"], env=environment(settings), capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("\n[]\n")


def test_migrate_prints_the_version_of_the_database(settings: Settings) -> None:
    (settings.home / "unteachable.db").unlink()
    assert re.match(r"The database was at nothing and is at \d+", run(settings, "migrate").stdout)
    assert re.match(r"The database was at (\d+) and is at \1", run(settings, "migrate").stdout)


def test_doctor_finds_all_well(settings: Settings) -> None:
    broker = start_broker(settings)
    try:
        done = run(settings, "doctor")
    finally:
        broker.terminate()
        broker.wait(10)
    assert done.returncode == 0, done.stdout
    assert "broker: answers" in done.stdout
    assert "FAIL" not in done.stdout


@pytest.mark.slow
def test_doctor_finds_what_is_wrong(settings: Settings) -> None:
    (settings.home / "unteachable.db").unlink()
    (settings.home / "files").write_text("a file where a folder should be")
    done = run(settings.model_copy(update={"device": "cuda:99"}), "doctor")
    assert done.returncode == 1
    assert "FAIL  torch: UNTEACHABLE_DEVICE: There is no" in done.stdout
    assert "FAIL  database" in done.stdout
    assert "FAIL  object store" in done.stdout


@pytest.mark.parametrize("words", [["worker", "--queue", "nonsense"], ["nonsense"]])
def test_nonsense_is_refused(settings: Settings, words: list[str]) -> None:
    done = run(settings, *words)
    assert done.returncode == 2
    assert done.stdout == ""
