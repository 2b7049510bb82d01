"""Reads the file of a backup, and compares every byte with its manifest."""

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ops.backup_file import FORMAT, MANIFEST, MANIFEST_SUM, BackupRefused, Manifest, Member

CHUNK_BYTES = 1 << 20


class BackupReader:
    """Reads a backup; the block closes it.

    Args:
        path: the backup.

    Raises:
        BackupRefused: the file is none, is not complete, or its manifest is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._tar = tarfile.open(path, mode="r:")  # noqa: SIM115 - __exit__ closes it
        except (tarfile.TarError, IsADirectoryError):
            raise BackupRefused(f"{path} is no backup of this service, or is not complete") from None
        try:
            self._infos = {info.name: info for info in self._tar}
            data, noted = self._load(MANIFEST), self._load(MANIFEST_SUM)
            if hashlib.sha256(data).hexdigest().encode() != noted:
                raise BackupRefused(f"{path} is damaged: {MANIFEST} has other bytes than were written")
            if json.loads(data).get("format") != FORMAT:
                raise BackupRefused(f"{path} was made by a newer version: update this one first")
            self.manifest = Manifest.from_json(data)
        except (tarfile.TarError, KeyError, TypeError, ValueError, AttributeError):
            self._tar.close()
            raise BackupRefused(f"{path} is no backup of this service, or is not complete") from None
        except BaseException:
            self._tar.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tar.close()

    def verify(self) -> None:
        """Read every byte. Raises BackupRefused with the name of the first member that differs from the manifest."""
        for member in self.manifest.members:
            if ".." in member.name.split("/"):
                raise BackupRefused(f"{self.path} is no backup of this service: it has a member {member.name}")
            digest, size = hashlib.sha256(), 0
            try:
                for chunk in self._chunks(member.name):
                    digest.update(chunk)
                    size += len(chunk)
            except (tarfile.TarError, KeyError):
                raise BackupRefused(f"{self.path} is damaged: {member.name} is not whole") from None
            if (size, digest.hexdigest()) != (member.size, member.sha256):
                raise BackupRefused(f"{self.path} is damaged: {member.name} has other bytes than were backed up")

    def extract(self, name: str, path: Path) -> None:
        """Copy a member into a new file, which only its owner can read.

        Args:
            name: the member.
            path: the file.
        """
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for chunk in self._chunks(name):
                file.write(chunk)

    def under(self, folder: str) -> list[Member]:
        """Return the members of a folder of the tar, with their whole names."""
        return [member for member in self.manifest.members if member.name.startswith(f"{folder}/")]

    def load(self, name: str) -> bytes:
        """Return a small member."""
        return self._load(name)

    def _load(self, name: str) -> bytes:
        return b"".join(self._chunks(name))

    def _chunks(self, name: str) -> Iterator[bytes]:
        file = self._tar.extractfile(self._infos[name])
        if file is None:
            raise KeyError(name)
        with file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
