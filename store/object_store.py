"""Where uploads and results are kept: a folder now, S3 by a setting. Keys are like `jobs/ID/results/1/archive.zip`.

Whatever is saved appears under its key whole or not at all.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url
from obstore.store import ObjectStore as ObstoreStore

from store.settings import Settings

BLOCK = 1 << 20  # bytes read at a time


class StoreError(OSError):
    """The store cannot be read or written; `errno` is the system's where it gave one."""


class ObjectStore:
    """A flat space of keys over one object store. Raises FileNotFoundError for unknown keys, else StoreError."""

    def __init__(self, store: ObstoreStore, *, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    def save(self, key: str, path: Path) -> None:
        """Store a file under a key, whole or not at all; what was there before is replaced."""
        with _named(key):
            obstore.put(self._store, key, path)

    def write(self, key: str, data: bytes) -> None:
        """Store bytes under a key, whole or not at all."""
        with _named(key):
            obstore.put(self._store, key, data)

    def share(self, key: str, path: Path) -> None:
        """Store a file and leave it at `path`, not to be written to any more: on the same disk it is the very same."""
        if self._folder is None or not self._link(key, path):
            self.save(key, path)

    def adopt(self, key: str, path: Path) -> None:
        """Store a file and take it away from `path`; on the same disk without a copy."""
        self.share(key, path)
        path.unlink()

    def _link(self, key: str, path: Path) -> bool:
        assert self._folder is not None
        target = self._folder / key
        beside = target.with_name(f".{target.name}-{os.urandom(4).hex()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as file:
                os.fsync(file.fileno())
            with suppress(OSError):  # another disk, or one that knows no links: then it is copied
                os.link(path, beside)
                os.utime(beside)  # its age in the store begins now
                beside.replace(target)
                return True
        except OSError as error:
            raise StoreError(error.errno, f"{key}: {error.strerror}") from error
        return False

    def fetch(self, key: str, into: Path) -> None:
        """Bring what lies under a key to a local file, to read only: on the same disk it is the very same file."""
        if self._folder is not None:
            with suppress(OSError):  # another disk, or one that knows no links: then it is copied
                os.link(self._folder / key, into)
                return
        with into.open("wb") as file:
            for block in self.read(key):
                file.write(block)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to but not including `end`, block by block."""
        with _named(key):
            stop = self.size(key) if end is None else end
        while start < stop:
            length = min(BLOCK, stop - start)
            with _named(key):
                block = bytes(obstore.get_range(self._store, key, start=start, length=length))
            if not block:
                raise StoreError(f"{key}: ended at {start} of {stop} bytes")
            yield block
            start += len(block)

    def load(self, key: str) -> bytes:
        """Everything under a key at once, for small things."""
        with _named(key):
            return bytes(obstore.get(self._store, key).bytes())

    def size(self, key: str) -> int:
        """How many bytes lie under a key."""
        with _named(key):
            return int(obstore.head(self._store, key)["size"])

    def exists(self, key: str) -> bool:
        """Whether something lies under a key."""
        try:
            self.size(key)
        except FileNotFoundError:
            return False
        return True

    def list(self, prefix: str) -> list[str]:
        """Every key under a prefix (a folder name), in order."""
        with _named(prefix):
            return sorted(str(meta["path"]) for batch in obstore.list(self._store, prefix) for meta in batch)

    def ages(self, prefix: str) -> dict[str, datetime]:
        """Every key under a prefix, and since when it is there."""
        with _named(prefix):
            return {
                str(meta["path"]): meta["last_modified"] for part in obstore.list(self._store, prefix) for meta in part
            }

    def delete(self, key: str) -> None:
        """Remove a key; one that is not there is fine."""
        try:
            with _named(key):
                obstore.delete(self._store, key)
        except FileNotFoundError:
            return

    def delete_prefix(self, prefix: str) -> None:
        """Remove every key under a prefix (a folder name)."""
        for key in self.list(prefix):
            self.delete(key)
        if self._folder is not None:
            shutil.rmtree(self._folder / prefix, ignore_errors=True)  # empty folders, and files that were not finished

    def check(self) -> None:
        """Write, read and delete a small thing; raises StoreError where that fails."""
        key = f"probe/{os.getpid()}-{os.urandom(4).hex()}"
        self.write(key, b"here")
        if self.load(key) != b"here":
            raise StoreError(f"{key}: read back something else than was written")
        self.delete(key)


def open_files(settings: Settings) -> ObjectStore:
    """The files of these settings."""
    if "://" in settings.store:
        return ObjectStore(from_url(settings.store))
    folder = Path(settings.store)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(error.errno, f"{folder}: {error.strerror}") from error
    return ObjectStore(LocalStore(folder, automatic_cleanup=True), folder=folder)


@contextmanager
def _named(key: str) -> Iterator[None]:
    """The store's own errors become a StoreError with the key and the system's number for it."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        text = str(error).split("\n", 1)[0]
        number = re.search(r"os error (\d+)", text)
        code = int(number[1]) if number else getattr(error, "errno", None)
        raise StoreError(code, f"{key}: {os.strerror(code) if code else text}") from error
