"""Settings of what machines share: secrets from files, and one line that names the setting for whatever cannot be."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from store.settings import Settings

KEY = "0123456789abcdef"
BEYOND = {"secret_keys": KEY}


def make(**values: object) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("database_url", "postgresql+psycopg://u:p@db/unteachable\n", "postgresql+psycopg://u:p@db/unteachable"),
        ("broker_url", " redis://:p@broker:6379/0 \n", "redis://:p@broker:6379/0"),
        ("secret_keys", f"{KEY}\n{KEY}-older\n", None),
        ("s3_access_key_id", "id\n", "id"),
        ("s3_secret_access_key", "secret\n", "secret"),
    ],
)
@pytest.mark.parametrize("way", ["environment", "env file"])
def test_every_secret_can_come_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: str, expected: str | None, way: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(content)
    others = {"s3_access_key_id": "id", "s3_secret_access_key": "secret", **BEYOND}
    others.pop(name, None)
    line = f"UNTEACHABLE_{name.upper()}_FILE"
    if way == "environment":
        monkeypatch.setenv(line, str(secret))
        settings = make(**others)
    else:
        (tmp_path / "env").write_text(f"{line}={secret}\n")
        settings = Settings(_env_file=tmp_path / "env", **others)
    if expected is None:
        assert settings.configured_keys == (KEY, f"{KEY}-older")
    else:
        assert getattr(settings, name) == expected


@pytest.mark.parametrize("trouble", ["missing", "empty", "folder", "binary", "twice"])
def test_a_secret_that_cannot_be_read_is_one_line(tmp_path: Path, trouble: str) -> None:
    secret = tmp_path / "secret"
    if trouble == "folder":
        secret.mkdir()
    elif trouble != "missing":
        secret.write_bytes({"empty": b"\n", "binary": b"\xff\xfe\x00"}.get(trouble, b"redis://broker"))
    values = {"broker_url_file": str(secret)} | ({"broker_url": "redis://other"} if trouble == "twice" else {})
    with pytest.raises(ValidationError) as refused:
        make(**BEYOND, **values)
    (problem,) = refused.value.errors()
    assert "UNTEACHABLE_BROKER_URL_FILE" in problem["msg"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("database_url", "postgres://u:hunter2@db/x", "write postgresql+psycopg://"),
        ("database_url", "mysql://u:hunter2@db/x", "mysql:// is not understood"),
        ("database_url", "postgresql+psycopg2://u:hunter2@db/x", "not understood"),
        ("database_url", "db.example.org", "not the URL of a database"),
        ("database_url", "postgresql+psycopg://u:hunter2@db:port/x", "not the URL of a database"),
        ("database_url", "postgresql+psycopg://u:hunter2@db", "names no database"),
        ("broker_url", "valkey://:hunter2@broker", "valkey:// is not understood"),
        ("broker_url", "amqp://u:hunter2@broker", "not understood"),
        ("broker_url", "broker:6379", "not the URL of a broker"),
        ("broker_url", "redis://:hunter2@broker:port/0", "not the URL of a broker"),
        ("broker_url", "redis:///0", "names no host"),
        ("broker_url", "redis://broker/queue", "number of a database"),
        ("store_url", "gs://bucket/x", "s3://BUCKET/PREFIX"),
        ("store_url", "https://s3.example.org/bucket", "s3://BUCKET/PREFIX"),
        ("store_url", "s3://", "names no bucket"),
        ("store_url", "s3:///prefix", "names no bucket"),
        ("store_url", "s3://id:hunter2@bucket/x", "UNTEACHABLE_S3_ACCESS_KEY_ID"),
        ("store_url", "s3://bucket/../x", "cannot be part of a key"),
        ("s3_endpoint", "s3.example.org:9000", "address of a server"),
        ("s3_endpoint", "ftp://s3.example.org", "address of a server"),
        ("s3_endpoint", "https://s3.example.org/bucket", "UNTEACHABLE_STORE_URL"),
        ("s3_endpoint", "https://id:hunter2@s3.example.org", "UNTEACHABLE_S3_ACCESS_KEY_ID"),
        ("s3_access_key_id", "id", "UNTEACHABLE_S3_SECRET_ACCESS_KEY must be set"),
        ("s3_secret_access_key", "hunter2", "UNTEACHABLE_S3_ACCESS_KEY_ID must be set"),
        ("s3_path_style", "perhaps", "boolean"),
    ],
)
def test_what_cannot_be_is_refused_without_its_password(name: str, value: str, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        make(**BEYOND, **{name: value})
    (problem,) = refused.value.errors()
    assert words in problem["msg"]
    assert "hunter2" not in problem["msg"]
    assert problem["loc"] == (name,) or "UNTEACHABLE_" in problem["msg"]


def test_what_is_usual_is_accepted() -> None:
    assert make(**BEYOND, database_url="postgresql://u:p%40@db:5433/x?sslmode=require").database == (
        "postgresql+psycopg://u:p%40@db:5433/x?sslmode=require"
    )
    assert make(database_url="sqlite:////tmp/x.db").database == "sqlite+pysqlite:////tmp/x.db"
    for url in ("redis://broker", "redis://:p@broker:6379/2", "rediss://user:p@broker/0", "redis+socket:///run/broker"):
        assert make(**BEYOND, broker_url=url).broker == url
    location = make(**BEYOND, store_url="s3://bucket/a/b/").s3_location
    assert location is not None
    assert (location.bucket, location.prefix) == ("bucket", "a/b")
    assert make(store_url="/srv/files").s3_location is None
    assert make(s3_endpoint="http://s3:9000/").s3_endpoint == "http://s3:9000"
