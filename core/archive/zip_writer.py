"""A zip that depends on its content only, and keeps a record of every file for the manifest."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20


class ZipWriter:
    """Writes files with a fixed time and fixed permissions, so that the same files give the same bytes.

    Args:
        archive: An open zip, whose files are the caller's to close.

    Attributes:
        records: For each file `path`, `bytes` and `sha256`; `was`, its path in the upload, if that differs; for an
            image `protected`; and for a label file `renamed`, how many names of images in it changed, if any did.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.records: list[dict[str, Any]] = []

    def add(self, path: str, content: bytes) -> None:
        """Write a compressed file and record it.

        Args:
            path: Its path in the archive.
            content: Its bytes.
        """
        self.add_unrecorded(path, content)
        self.records.append(_record(path, content))

    def add_unrecorded(self, path: str, content: bytes) -> None:
        """Write a compressed file that is not in `records`.

        Args:
            path: Its path in the archive.
            content: Its bytes.
        """
        self._archive.writestr(_info(path, zipfile.ZIP_DEFLATED), content)

    def add_image(self, path: str, content: bytes, *, upload_path: str, protected: bool) -> None:
        """Write an image, which is compressed already, and record it.

        Args:
            path: Its path in the archive.
            content: The encoded image.
            upload_path: Its path in the upload.
            protected: Whether it has noise.
        """
        self._archive.writestr(_info(path, zipfile.ZIP_STORED), content)
        self.records.append(_record(path, content) | _was(upload_path, path) | {"protected": protected})

    def add_label_file(self, path: str, content: bytes, *, upload_path: str, renamed: int) -> None:
        """Write a label file in which names of images have changed, and record it.

        Args:
            path: Its path in the archive.
            content: Its bytes.
            upload_path: Its path in the upload.
            renamed: How many names in it changed.
        """
        self._archive.writestr(_info(path, zipfile.ZIP_DEFLATED), content)
        self.records.append(_record(path, content) | _was(upload_path, path) | {"renamed": renamed})

    def copy(self, path: str, file: Path, *, upload_path: str, tick: Callable[[], None]) -> None:
        """Copy a file from disk and record it.

        Args:
            path: Its path in the archive.
            file: Where it lies on disk.
            upload_path: Its path in the upload.
            tick: Called after each chunk; may raise to stop.
        """
        digest, size = hashlib.sha256(), file.stat().st_size
        info = _info(path, zipfile.ZIP_DEFLATED)
        info.file_size = size
        with file.open("rb") as source, self._archive.open(info, "w") as target:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                target.write(chunk)
                tick()
        self.records.append({"path": path, "bytes": size, "sha256": digest.hexdigest()} | _was(upload_path, path))

    def read(self, path: str) -> bytes:
        """The bytes of a file that has been written. Raises KeyError if there is none with this path."""
        return self._archive.read(path)


def _record(path: str, content: bytes) -> dict[str, Any]:
    return {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _was(upload_path: str, path: str) -> dict[str, Any]:
    return {} if upload_path == path else {"was": upload_path}


def _info(path: str, compression: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = compression
    info.create_system = 3  # Unix
    info.external_attr = 0o100644 << 16
    return info
