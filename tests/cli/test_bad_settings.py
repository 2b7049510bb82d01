"""A setting that cannot work ends a command with one line that names it, and with no traceback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from store.settings import Settings

KEYS = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("command", ["api", "worker", "migrate", "token", "link", "doctor", "up"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://u:p@db/x"),
        ("DATABASE_URL", "nonsense"),
        ("BROKER_URL", "valkey://broker"),
        ("STORE_URL", "gs://bucket"),
        ("S3_ENDPOINT", "s3.example.org"),
        ("BROKER_URL_FILE", "/does/not/exist"),
        ("PORT", "http"),
    ],
)
def test_a_bad_setting_is_one_line(run: Any, settings: Settings, command: str, name: str, value: str) -> None:
    status, lines, printed = run(settings, command, **{f"UNTEACHABLE_{name}": value, "UNTEACHABLE_SECRET_KEYS": KEYS})
    assert status == 2
    assert printed == ""
    (line,) = lines
    assert line.startswith(f"UNTEACHABLE_{name}: ")


@pytest.mark.parametrize("command", ["api", "worker"])
def test_an_unmigrated_database_is_one_line(run: Any, settings: Settings, command: str) -> None:
    (settings.home / "unteachable.db").unlink()
    status, lines, _ = run(settings, command)
    assert (status, len(lines)) == (2, 1)
    assert (
        lines[0] == "unteachable: UNTEACHABLE_DATABASE_URL: the database has no tables yet: run `unteachable migrate`"
    )


def test_a_wrong_password_of_the_broker_is_one_line(
    run: Any, settings: Settings, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    import redis

    from tests.support.broker import start_broker

    process = start_broker(settings)
    try:
        with redis.Redis(unix_socket_path=str(settings.broker_socket)) as client:
            client.config_set("requirepass", "right")
        for url in (f"redis+socket://:wrong@{settings.broker_socket}", f"redis+socket://{settings.broker_socket}"):
            status, lines, _ = run(settings, "worker", UNTEACHABLE_BROKER_URL=url)
            assert (status, len(lines)) == (2, 1)
            assert lines[0].startswith("unteachable: UNTEACHABLE_BROKER_URL: the broker refuses")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("trouble", ["database", "user"])
def test_a_database_that_refuses_is_one_line(
    run: Any, make_settings: Callable[..., Settings], postgres: str, trouble: str
) -> None:
    change = {"database": "nowhere"} if trouble == "database" else {"username": "nobody_knows"}
    url = make_url(postgres).set(**change).render_as_string(hide_password=False)
    status, lines, _ = run(make_settings(database_url=url, secret_keys=KEYS), "api")
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith("unteachable: UNTEACHABLE_DATABASE_URL: ")
    assert "does not exist" in lines[0]


def test_a_store_that_refuses_is_one_line(run: Any, make_settings: Callable[..., Settings], s3: Any) -> None:
    settings = make_settings(**s3.settings(s3_secret_access_key="wrong"))
    status, lines, _ = run(settings, "api")
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith("unteachable: UNTEACHABLE_STORE_URL: ")
    assert "UNTEACHABLE_S3_ACCESS_KEY_ID" in lines[0]


def test_the_doctor_of_an_api_names_each_fault(run: Any, make_settings: Callable[..., Settings], postgres: str) -> None:
    """In one process: importing torch, for one, would be seen."""
    import sys
    import time

    settings = make_settings(
        database_url=make_url(postgres).set(database="nowhere").render_as_string(hide_password=False),
        broker_url="redis://127.0.0.1:1/0",
        store_url="s3://bucket/x",
        s3_endpoint="http://127.0.0.1:1",
        s3_access_key_id="id",
        s3_secret_access_key="secret",
        secret_keys=KEYS,
    )
    had_torch = "torch" in sys.modules
    began = time.monotonic()
    status, _, printed = run(settings, "doctor", "--role", "api")
    assert time.monotonic() - began < 3
    assert status == 1
    found = {line.split(":")[0] for line in printed.splitlines() if line.startswith("FAIL")}
    assert found == {"FAIL  database", "FAIL  broker", "FAIL  object store"}
    assert "UNTEACHABLE_BROKER_URL" in printed
    assert "UNTEACHABLE_DATABASE_URL" in printed
    assert "torch" not in printed
    assert ("torch" in sys.modules) == had_torch


def test_the_doctor_knows_three_roles(run: Any, settings: Settings) -> None:
    status, lines, _ = run(settings, "doctor", "--role", "king")
    assert status == 2
    assert any("api, worker, all" in line for line in lines)
