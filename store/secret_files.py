"""Secrets that a setting reads from a file, such as one that a container mounts: `UNTEACHABLE_X_FILE` in place of X."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

SECRETS = ("database_url", "broker_url", "secret_keys", "s3_access_key_id", "s3_secret_access_key")
MAX_BYTES = 64 * 1024


def read_secret_files(values: MutableMapping[str, Any]) -> None:
    """Put the content of each secret's file in place of the secret; the name of the file is removed.

    Args:
        values: what the environment and `.env` say, by the names of the fields; it is changed.

    Raises:
        ValueError: a file cannot be read or is empty, or a secret is given both ways.
    """
    for name in SECRETS:
        path = str(values.pop(f"{name}_file", "") or "")
        if not path:
            continue
        setting = f"UNTEACHABLE_{name.upper()}"
        if values.get(name):
            raise ValueError(f"{setting} and {setting}_FILE are both set: remove one of them")
        values[name] = _read(path, f"{setting}_FILE")


def _read(path: str, setting: str) -> str:
    try:
        with Path(path).expanduser().open(encoding="utf-8") as file:
            text = file.read(MAX_BYTES).strip()
    except OSError as error:
        raise ValueError(f"{setting}: {path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{setting}: {path} is not a text file") from None
    if not text:
        raise ValueError(f"{setting}: {path} is empty")
    return text
