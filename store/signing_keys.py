"""The keys that sign sessions and links: from the settings, or generated in the data folder. The first one signs."""

import os
import secrets
from pathlib import Path

from store.settings import Settings


def secret_keys(settings: Settings) -> tuple[str, ...]:
    """Return all valid signing keys, newest first.

    Raises:
        PermissionError: other users can read the key file.
    """
    if settings.configured_keys:
        return settings.configured_keys
    path = settings.home / "secret_keys"
    if not path.exists():
        _generate(path)
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"other users can read {path}: run `chmod 600 {path}`")
    return tuple(line.strip() for line in path.read_text().splitlines() if line.strip())


def _generate(path: Path) -> None:
    """Write a new key to a temporary file and link it into place, so that two processes agree on one key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
    try:
        os.link(new, path)
    except FileExistsError:
        pass  # another process was first: its key counts
    finally:
        new.unlink()
