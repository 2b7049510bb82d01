"""The file of a backup: a tar whose last members are a manifest with the SHA-256 of every other member, and its own.

`ops.backup_reader` reads it. It is written under a temporary name and renamed when it is complete, with rights for its
owner only: it holds keys.
"""

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Self

FORMAT = 1
MANIFEST, MANIFEST_SUM = "manifest.json", "manifest.sha256"
SECRET_KEYS = "secret_keys"
DATABASE_FOLDER, OBJECTS_FOLDER = "database", "objects"


class BackupRefused(Exception):
    """A backup cannot be made or used. The message is one line for the operator: which file, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in a backup.

    Attributes:
        name: its path in the tar.
        size: its bytes.
        sha256: their hash, in hexadecimal.
        disposition: for an archive that users download, the header `Content-Disposition`; else None.
    """

    name: str
    size: int
    sha256: str
    disposition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds.

    Attributes:
        format: the version of the layout of the tar.
        version: the version of the service that made it.
        revision: the revision of the database.
        database: sqlite or postgresql.
        columns: for PostgreSQL the columns of each table, in the order in which the tables are filled.
        deployment_id: the id of the deployment; None where it had not adopted its store.
        made_at: when it began, as ISO 8601.
        missing: the objects that the database names and the store did not have.
        members: every other member of the tar.
    """

    format: int = FORMAT
    version: str
    revision: str
    database: str
    columns: dict[str, list[str]]
    deployment_id: str | None
    made_at: str
    missing: tuple[str, ...] = ()
    members: tuple[Member, ...] = field(default=())

    def to_json(self) -> bytes:
        """Write it as JSON."""
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read it. Raises KeyError, TypeError or ValueError where it is none."""
        content: dict[str, Any] = json.loads(data)
        members = tuple(Member(**member) for member in content.pop("members"))
        return cls(**content | {"members": members, "missing": tuple(content["missing"])})


class BackupWriter:
    """Writes members; `new_backup` makes one.

    Args:
        file: the new file.
        folder: an empty folder on the same disk for what is on its way into the file.
    """

    def __init__(self, file: IO[bytes], folder: Path) -> None:
        self.folder = folder
        self.members: list[Member] = []
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - finish closes it

    def add(self, name: str, path: Path, *, disposition: str | None = None) -> None:
        """Append a file.

        Args:
            name: its path in the tar.
            path: the file, which does not change meanwhile.
            disposition: for an archive that users download, the header `Content-Disposition`.
        """
        with path.open("rb") as file:
            info = self._info(name, os.fstat(file.fileno()).st_size)
            reader = _HashingReader(file)
            self._tar.addfile(info, reader)
        self._tar.getmembers().clear()  # tarfile remembers each; a store may have very many
        digest = reader.digest.hexdigest()
        self.members.append(Member(name=name, size=info.size, sha256=digest, disposition=disposition))

    def add_bytes(self, name: str, data: bytes) -> None:
        """Append a small file.

        Args:
            name: its path in the tar.
            data: its content.
        """
        path = self.folder / "small"
        path.write_bytes(data)
        self.add(name, path)

    def finish(self, manifest: Manifest) -> None:
        """Append the manifest and its sum, and end the tar.

        Args:
            manifest: what the backup holds.
        """
        data = manifest.to_json()
        self.add_bytes(MANIFEST, data)
        self.add_bytes(MANIFEST_SUM, hashlib.sha256(data).hexdigest().encode())
        self._tar.close()

    @staticmethod
    def _info(name: str, size: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        return info


@contextmanager
def new_backup(path: Path) -> Iterator[BackupWriter]:
    """A writer of a new backup, which gets its name at the end of the block; an error leaves nothing.

    Args:
        path: the backup, which must not exist.

    Raises:
        BackupRefused: there is such a file, or no such folder.
    """
    path = path.absolute()
    if os.path.lexists(path):
        raise BackupRefused(f"{path} exists: name a new file")
    if not path.parent.is_dir():
        raise BackupRefused(f"there is no folder {path.parent}: create it, or name another one")
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    try:
        unfinished = folder / "backup"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield BackupWriter(file, folder)
            file.flush()
            os.fsync(file.fileno())
        if os.path.lexists(path):
            raise BackupRefused(f"{path} appeared meanwhile: name a new file")
        unfinished.replace(path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _HashingReader:
    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data
