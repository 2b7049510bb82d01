"""The signing keys: from the settings, or made once and kept in the data folder. Newest first: the first one signs."""

import os
import secrets
from pathlib import Path

from store.settings import Settings


def secret_keys(settings: Settings) -> tuple[str, ...]:
    """Every valid signing key, newest first. Raises PermissionError where the key file is open to others."""
    if settings.listed_keys:
        return settings.listed_keys
    path = settings.home / "secret_keys"
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others: make it yours alone with `chmod 600 {path}`")
    return tuple(line.strip() for line in path.read_text().splitlines() if line.strip())


def _make(path: Path) -> None:
    """Write one new key under a temporary name and link it into place, so that two processes agree on one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
    try:
        os.link(new, path)
    except FileExistsError:
        pass  # another process made its own first: that one counts
    finally:
        new.unlink()
