"""Reading objects: in one request from a folder, in several at a time from a server."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.store import ObjectStore as ObstoreStore

from store.parallel_reads import PART_BYTES, read_in_order, read_to_file
from store.store_errors import StoreUnavailable, missing_bucket, store_errors
from store.stored_objects import StoredObject

if TYPE_CHECKING:
    from obstore import GetOptions

CHUNK_BYTES = 1 << 20
MAX_RESUMED_READS = 3  # of one request, from where the connection broke


class ObjectReader:
    """Reads objects. Methods raise FileNotFoundError for unknown keys, and StoreError otherwise.

    Args:
        store: obstore's backend.
        is_remote: whether it is a server.
    """

    def __init__(self, store: ObstoreStore, *, is_remote: bool) -> None:
        self._store, self._is_remote = store, is_remote

    def fetch(self, key: str, path: Path) -> None:
        """Copy an object to a local file.

        Args:
            key: the object's key.
            path: the new file.
        """
        if not self._is_remote:
            with path.open("wb") as file:
                for chunk in self.read(key):
                    file.write(chunk)
            return
        found = self.stat(key)
        read_to_file(lambda start, end: self._read_part(key, start, end, found.etag), found.size, path)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield a range of an object's bytes, in chunks of at most `CHUNK_BYTES`.

        Args:
            key: the object's key.
            start: the first byte.
            end: the byte after the last one; None for the end of the object.
        """
        if not self._is_remote:
            yield from self._resumed(key, start, self.stat(key).size if end is None else end)
            return
        found = self.stat(key) if end is None or end - start > PART_BYTES else None
        stop = end if end is not None else 0 if found is None else found.size
        etag = None if found is None else found.etag
        yield from read_in_order(lambda first, last: self._read_part(key, first, last, etag), start, stop)

    def _read_part(self, key: str, start: int, stop: int, etag: str | None) -> list[bytes]:
        return list(self._resumed(key, start, stop, etag))

    def _resumed(self, key: str, start: int, stop: int, etag: str | None = None) -> Iterator[bytes]:
        """Read a range by one request, and go on where its connection broke; `etag` says which object it must be."""
        resumed = 0
        while start < stop:
            before = start
            try:
                for chunk in self._stream(key, start, stop, etag):
                    start += len(chunk)
                    yield chunk
            except StoreUnavailable:
                resumed += 1
                if start == before or resumed > MAX_RESUMED_READS:
                    raise
            else:
                if start < stop:
                    raise StoreUnavailable(None, f"{key}: ended at {start} of {stop} bytes")

    def _stream(self, key: str, start: int, stop: int, etag: str | None) -> Iterator[bytes]:
        with self._errors(key):
            options: GetOptions = {"range": (start, stop)}
            if etag is not None:
                options["if_match"] = etag
            opened = obstore.get(self._store, key, options=options)
            for part in opened.stream(min_chunk_size=CHUNK_BYTES):
                data = memoryview(part)
                for begin in range(0, len(data), CHUNK_BYTES):
                    yield bytes(data[begin : begin + CHUNK_BYTES])

    def stat(self, key: str) -> StoredObject:
        """Return what the store says of an object, without its bytes."""
        try:
            with self._errors(key):
                if not self._is_remote:
                    return StoredObject.of(obstore.head(self._store, key), {})
                found = obstore.get(self._store, key, options={"head": True})
                return StoredObject.of(found.meta, found.attributes)
        except FileNotFoundError:
            self._check_bucket(key)  # an answer to HEAD has no body that tells what is missing
            raise

    def _errors(self, key: str) -> AbstractContextManager[None]:
        return store_errors(key, is_remote=self._is_remote)

    def _check_bucket(self, key: str) -> None:
        """Raise StoreRefused where not the object is missing but its bucket."""
        if not self._is_remote:
            return
        try:
            with self._errors(key):
                next(iter(obstore.list(self._store, "probe", chunk_size=1)), None)
        except FileNotFoundError as error:
            raise missing_bucket(key) from error
