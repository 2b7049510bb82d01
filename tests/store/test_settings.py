"""Settings: a single machine needs none; beyond it the signing keys must be set."""

import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from store.settings import MAX_SOCKET_PATH_BYTES, Settings
from store.signing_keys import secret_keys

KEY = "0123456789abcdef"


def make(**values: object) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"database_url": "postgresql+psycopg://db/unteachable"},
        {"broker_url": "redis://broker:6379/0"},
        {"store_url": "s3://bucket/prefix"},
    ],
)
def test_beyond_one_machine_the_keys_must_be_set(elsewhere: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="UNTEACHABLE_SECRET_KEYS must be set"):
        make(**elsewhere)
    settings = make(**elsewhere, secret_keys=KEY)
    assert not settings.is_single_machine
    assert secret_keys(settings) == (KEY,)


def test_one_machine_needs_nothing() -> None:
    settings = make()
    assert settings.is_single_machine
    assert settings.address == "http://127.0.0.1:8000"


def test_short_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="16 characters"):
        make(secret_keys=f"{KEY},short")


def test_the_environment_overrides_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UNTEACHABLE_PORT", "8123")
    monkeypatch.setenv("UNTEACHABLE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("UNTEACHABLE_DATABASE_URL", "")
    settings = make()
    assert (settings.port, settings.home) == (8123, tmp_path)
    assert settings.database == f"sqlite+pysqlite:///{tmp_path}/unteachable.db"


@pytest.mark.parametrize(("old", "new"), [("SWEEP_SECONDS", "RECOVERY_SECONDS"), ("RING_SECONDS", "ENQUEUE_SECONDS")])
def test_the_former_name_of_a_setting_still_works(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    monkeypatch.setenv(f"UNTEACHABLE_{old}", "7.5")
    assert getattr(make(), new.lower()) == 7.5
    monkeypatch.setenv(f"UNTEACHABLE_{new}", "2.5")
    assert getattr(make(), new.lower()) == 2.5
    monkeypatch.setenv(f"UNTEACHABLE_{new}", "-1")
    with pytest.raises(ValidationError) as refused:
        make()
    assert [problem["loc"] for problem in refused.value.errors()] == [(f"UNTEACHABLE_{new}",)]


def test_a_former_name_works_in_the_env_file(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("UNTEACHABLE_SWEEP_SECONDS=7.5\n")
    assert Settings(_env_file=tmp_path / "env").recovery_seconds == 7.5


def test_a_long_data_folder_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    socket = make(data_dir=deep).broker_socket
    assert len(str(socket)) <= MAX_SOCKET_PATH_BYTES
    assert socket == make(data_dir=deep).broker_socket
    assert socket != make(data_dir=tmp_path / ("e" * 120)).broker_socket


def test_keys_are_generated_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    settings = make(data_dir=tmp_path)
    keys = secret_keys(settings)
    assert len(keys) == 1
    assert len(keys[0]) == 64
    assert secret_keys(settings) == keys
    path = tmp_path / "secret_keys"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["secret_keys"]
    path.write_text(f"newest-newest-newest\n{keys[0]}\n")
    assert secret_keys(settings) == ("newest-newest-newest", keys[0])


def test_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    settings = make(data_dir=tmp_path)
    secret_keys(settings)
    (tmp_path / "secret_keys").chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        secret_keys(settings)


def test_decoders_need_some_memory() -> None:
    assert make(decoder_bytes=0).decoder_bytes == 0
    with pytest.raises(ValidationError, match="at least 268435456 bytes"):
        make(decoder_bytes=1000)
