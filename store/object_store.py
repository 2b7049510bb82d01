"""The object store for uploads and results: a local folder, or S3 by a setting. Keys look like `jobs/ID/results/1/x`.

A write is atomic: a reader sees the whole old or the whole new object.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import obstore
from obstore.store import LocalStore, S3Store
from obstore.store import ObjectStore as ObstoreStore

from store.object_reads import ObjectReader
from store.s3 import S3Patience, gives_direct_downloads, open_s3
from store.settings import Settings
from store.store_errors import StoreError, store_errors
from store.stored_objects import Download, StoredObject

MIN_PUT_BYTES = 5 * 2**20  # of a part of a file on its way to a server; S3 takes no smaller one
MAX_PUT_PARTS = 9000  # S3 takes 10,000
MAX_PUTS = 16  # parts on their way at the same time
DIRECT_URL_SECONDS = 300  # in which a download from the server begins
USUAL_PATIENCE = S3Patience()


class ObjectStore:
    """Named objects in a flat key space. Methods raise FileNotFoundError for unknown keys, and StoreError otherwise.

    `store.store_errors` says which errors may pass.

    Args:
        store: obstore's backend.
        folder: the folder of a local backend, so that files on the same disk are hard-linked instead of copied.
        public: the same server as browsers reach it, where they may download from it; else None.
    """

    def __init__(self, store: ObstoreStore, *, folder: Path | None = None, public: S3Store | None = None) -> None:
        self._store, self._public = store, public
        self._reader = ObjectReader(store, is_remote=folder is None)
        self._folder = folder

    def write(self, key: str, data: bytes) -> None:
        """Store bytes under a key, in place of any earlier object.

        Args:
            key: the object's key.
            data: its content.
        """
        with self._errors(key, writes=True):
            obstore.put(self._store, key, data)

    def save(self, key: str, path: Path, *, download: Download | None = None) -> None:
        """Store a copy of a file; on a server its parts are sent at the same time.

        Args:
            key: the object's key.
            path: the file, which stays and may change later.
            download: as what browsers save the object if they get it from the server itself.
        """
        with self._errors(key, writes=True):
            if self._folder is not None:
                obstore.put(self._store, key, path)
                return
            part = max(MIN_PUT_BYTES, path.stat().st_size // MAX_PUT_PARTS)
            attributes = None if download is None else download.attributes
            obstore.put(self._store, key, path, attributes=attributes, chunk_size=part, max_concurrency=MAX_PUTS)

    def link(self, key: str, path: Path, *, download: Download | None = None) -> None:
        """Store a file that is never written again: on the same disk by a hard link, otherwise by a copy.

        Args:
            key: the object's key.
            path: the file, which stays.
            download: as what browsers save the object if they get it from the server itself.
        """
        if self._folder is None or not self._hard_link(key, path):
            self.save(key, path, download=download)

    def move(self, key: str, path: Path, *, download: Download | None = None) -> None:
        """Store a file and remove it from its place; on the same disk without a copy.

        Args:
            key: the object's key.
            path: the file, which is removed once it is stored.
            download: as what browsers save the object if they get it from the server itself.
        """
        self.link(key, path, download=download)
        path.unlink()

    def _hard_link(self, key: str, path: Path) -> bool:
        """Link the file into the folder; False where the file system cannot."""
        assert self._folder is not None
        target = self._folder / key
        temporary = target.with_name(f".{target.name}-{os.urandom(4).hex()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as file:
                os.fsync(file.fileno())
            with suppress(OSError):  # another disk, or a file system without links
                os.link(path, temporary)
                os.utime(temporary)  # so that `modified_times` tells when it was stored
                temporary.replace(target)
                return True
        except OSError as error:
            raise StoreError(error.errno, f"{key}: {error.strerror}") from error
        return False

    def fetch(self, key: str, path: Path) -> None:
        """Copy an object to a local file, or hard-link it on the same disk.

        Args:
            key: the object's key.
            path: the new file. Only read it: it may be the stored file itself.
        """
        if self._folder is not None:
            with suppress(OSError):  # another disk, or a file system without links
                os.link(self._folder / key, path)
                return
        self._reader.fetch(key, path)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield a range of an object's bytes, in chunks of at most `CHUNK_BYTES`.

        Args:
            key: the object's key.
            start: the first byte.
            end: the byte after the last one; None for the end of the object.
        """
        return self._reader.read(key, start, end)

    def load(self, key: str) -> bytes:
        """Return all bytes of a small object."""
        with self._errors(key):
            return bytes(obstore.get(self._store, key).bytes())

    def size(self, key: str) -> int:
        """Return the size of an object, in bytes."""
        return self._reader.stat(key).size

    def stat(self, key: str) -> StoredObject:
        """Return what the store says of an object, without its bytes."""
        return self._reader.stat(key)

    def direct_url(self, key: str) -> str | None:
        """Return an address at which a browser gets an object from the server itself, for `DIRECT_URL_SECONDS`.

        None where downloads go through the API: see `store.s3.gives_direct_downloads`.
        """
        if self._public is None:
            return None
        with self._errors(key):
            return obstore.sign(self._public, "GET", key, timedelta(seconds=DIRECT_URL_SECONDS))

    def exists(self, key: str) -> bool:
        """Return whether there is an object under a key."""
        try:
            self.size(key)
        except FileNotFoundError:
            return False
        return True

    def list(self, prefix: str) -> list[str]:
        """Return the sorted keys under a prefix, which is a whole folder name: `jobs/a` does not list `jobs/ab/x`."""
        return sorted(self.modified_times(prefix))

    def modified_times(self, prefix: str) -> dict[str, datetime]:
        """Return the keys under a prefix, each with the time when it was stored."""
        with self._errors(prefix):
            return {
                str(meta["path"]): meta["last_modified"]
                for batch in obstore.list(self._store, prefix)
                for meta in batch
            }

    def folders(self, prefix: str) -> tuple[str, ...]:
        """Return the names of the folders directly under a prefix, without listing what is in them."""
        with self._errors(prefix):
            found = obstore.list_with_delimiter(self._store, prefix)
        return tuple(sorted(str(path).rstrip("/").rpartition("/")[2] for path in found["common_prefixes"]))

    def rename(self, key: str, target: str) -> None:
        """Move an object to another key, in place of any object there; on a server without sending its bytes.

        Args:
            key: the object.
            target: its new key. Its modified time is that of the move.
        """
        with self._errors(key):
            obstore.rename(self._store, key, target)
        if self._folder is not None:
            os.utime(self._folder / target)

    def delete(self, key: str) -> None:
        """Delete an object if it exists."""
        try:
            with self._errors(key):
                obstore.delete(self._store, key)
        except FileNotFoundError:
            return

    def delete_all(self, keys: Iterable[str]) -> None:
        """Delete objects if they exist; on a server up to a thousand with each request."""
        every = list(keys)
        if self._folder is not None:
            for key in every:
                self.delete(key)
        elif every:
            with self._errors(every[0]):
                obstore.delete(self._store, every)

    def delete_prefix(self, prefix: str) -> None:
        """Delete every object under a prefix, which is a whole folder name."""
        self.delete_all(self.list(prefix))
        if self._folder is not None:
            shutil.rmtree(self._folder / prefix, ignore_errors=True)  # empty folders, and files of unfinished writes

    def probe(self) -> None:
        """Write, read and delete a small object. Raises StoreError where that fails."""
        key, data = f"probe/{os.getpid()}-{os.urandom(4).hex()}", b"probe"
        self.write(key, data)
        if self.load(key) != data:
            raise StoreError(None, f"{key}: the object that was read differs from the one that was written")
        self.delete(key)

    def _errors(self, key: str, *, writes: bool = False) -> AbstractContextManager[None]:
        return store_errors(key, is_remote=self._folder is None, writes=writes)


def open_object_store(settings: Settings, patience: S3Patience = USUAL_PATIENCE) -> ObjectStore:
    """Open the object store of the settings; creates the folder of a local one. Raises StoreError where it cannot.

    Args:
        settings: where the store is.
        patience: how long a server may take to answer.
    """
    if settings.s3_location is not None:
        public = open_s3(settings, patience, for_browsers=True) if gives_direct_downloads(settings) else None
        return ObjectStore(open_s3(settings, patience), public=public)
    folder = Path(settings.store)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(error.errno, f"{folder}: {error.strerror}") from error
    return ObjectStore(LocalStore(folder, automatic_cleanup=True), folder=folder)
