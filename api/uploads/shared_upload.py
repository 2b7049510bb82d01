"""A resumable upload that several APIs can continue: its parts go to the object store, its offset into its row.

Bytes are written to a file of this API first, at their place in the upload. Each `PART_BYTES`, and what is left at the
end of a request, become an object; then the row counts them. The last bytes count with the dataset that the upload
becomes: a client that loses the answer to its last request asks for the offset, sends them again, and gets the dataset.
The API that receives them fetches the parts that other APIs have stored.
"""

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.context import AppContext
from api.problems import Problem, not_found
from api.uploads.streaming import full_disk_as_problem
from api.uploads.tus import Checksum
from api.uploads.upload_file import locked_elsewhere, longer_than_announced
from store import models as m
from store import upload_parts
from store.object_keys import upload_part_key
from store.store_errors import StoreError
from store.upload_parts import Part

log = structlog.get_logger(__name__)

PART_BYTES = 8 * 2**20
MAX_STORING = 12  # parts of one request that are under way to the store
FETCHERS = 8  # parts that are fetched at the same time
_storing = ThreadPoolExecutor(16, thread_name_prefix="parts")  # each thread holds one part in memory


class SharedUpload:
    """One request that appends to an upload, and holds its lock.

    Args:
        context: The application context.
        upload: The row of the upload.
        sender: The id of this request, which holds the lock.
        file: The open file of this API.
        offset: Where the upload is, in bytes.
        checksum: The checksum of the body, if the request has one. Then it counts as a whole only.

    Attributes:
        offset: Where the upload is with the bytes of this request.
        sender: The id of this request.
        is_lost: Whether the lock ended, so that nothing more counts.
    """

    def __init__(
        self, context: AppContext, upload: m.Upload, *, sender: str, file: int, offset: int, checksum: Checksum | None
    ) -> None:
        self.offset = offset
        self.is_lost = False
        self._context, self._upload, self._file = context, upload, file
        self.sender = sender
        self._checksum = checksum
        self._stored_to = offset  # the end of the last part that is on its way, or there
        self._storing: deque[tuple[Part, Future[None]]] = deque()
        self._to_record: list[Part] = []
        self._mutex = threading.Lock()

    def write(self, data: bytes) -> None:
        """Append bytes. Raises Problem 413 if the upload would exceed its announced length, 423 if the lock is lost."""
        if self.is_lost:
            raise self._lost()
        if self.offset + len(data) > self._upload.length:
            raise longer_than_announced(self._upload.length)
        _write_at(self._file, data, self.offset)
        self.offset += len(data)
        if self._checksum is not None:
            self._checksum.update(data)
        while self.offset - self._stored_to >= PART_BYTES and self._stored_to + PART_BYTES < self._upload.length:
            self._store(self._stored_to + PART_BYTES)

    def commit(self) -> None:
        """Verify the checksum of the body, and let it count. Raises Problem 460, or 423 if the lock is lost."""
        if self._checksum is not None:
            self._checksum.verify()
            self._checksum = None
        if self._stored_to < self.offset < self._upload.length:
            self._store(self.offset)
        self._await_stored(0)

    def roll_back(self, error: BaseException) -> None:
        """Let what arrived count if it can be trusted, after a request that failed.

        Args:
            error: What ended the request.
        """
        is_untrusted = self._checksum is not None or (isinstance(error, Problem) and error.status in (413, 423))
        if not is_untrusted and not isinstance(error, StoreError):
            try:
                self.commit()
            except (OSError, SQLAlchemyError, Problem) as problem:
                log.warning("upload.not_recorded", upload=self._upload.id, error=str(problem).splitlines()[0])
        self._forget()

    def collect(self) -> None:
        """Complete the file of this API with the parts that it did not receive itself. Raises Problem 404 or 507."""
        with self._context.db.read() as session:
            parts = upload_parts.parts_of(session, self._upload.id)
        own = self._context.own_parts.get(self._upload.id, set())
        missing = [part for part in parts if part.key not in own]
        try:
            with full_disk_as_problem(), ThreadPoolExecutor(FETCHERS) as threads:
                for done in [threads.submit(self._fetch, part) for part in missing]:
                    done.result()
        except FileNotFoundError:
            raise not_found("upload") from None  # it was deleted meanwhile

    def _fetch(self, part: Part) -> None:
        data = self._context.files.load(part.key)
        if len(data) != part.size:
            raise StoreError(None, f"{part.key}: it has {len(data)} bytes, not {part.size}")
        _write_at(self._file, data, part.start)

    def _store(self, end: int) -> None:
        start, self._stored_to = self._stored_to, end
        part = Part(start=start, size=end - start, key=upload_part_key(self._upload.id, start, self.sender))
        self._await_stored(MAX_STORING - 1)
        stored = _storing.submit(self._put, part)
        with self._mutex:
            self._storing.append((part, stored))
        stored.add_done_callback(self._record_early)

    def _put(self, part: Part) -> None:
        self._context.files.write(part.key, os.pread(self._file, part.size, part.start))

    def _await_stored(self, left: int) -> None:
        """Wait until at most so many parts are under way. Raises what storing the first of them raised."""
        while len(waiting := list(self._storing)) > left:
            waiting[0][1].result()
            self._record()
        self._record()

    def _record_early(self, _: "Future[None]") -> None:
        """Let parts count while the sender pauses; called in the thread that has stored one."""
        try:
            self._record()
        except (SQLAlchemyError, Problem) as error:  # the next call tries again, and raises
            log.info("upload.not_recorded_yet", upload=self._upload.id, error=str(error).splitlines()[0])

    def _record(self) -> None:
        """Let the parts count that are stored, in order; those of a body with a checksum when it is verified."""
        with self._mutex:
            while self._storing and self._storing[0][1].done() and self._storing[0][1].exception() is None:
                self._to_record.append(self._storing.popleft()[0])
            parts = self._to_record
            if not parts or self._checksum is not None:
                return
            with self._context.db.write.begin() as session:
                is_recorded = upload_parts.record(session, self._upload.id, parts, sender=self.sender)
            if not is_recorded:
                self.is_lost = True
                raise self._lost()
            self._context.own_parts.setdefault(self._upload.id, set()).update(part.key for part in parts)
            self._to_record = []

    def _lost(self) -> Problem:
        with self._context.db.read() as session:
            return not_found("upload") if session.get(m.Upload, self._upload.id) is None else locked_elsewhere()

    def _forget(self) -> None:
        """Delete the parts that do not count; what cannot be deleted now goes with the upload."""
        wait([stored for _, stored in list(self._storing)])
        with self._mutex:
            keys = {part.key for part in self._to_record} | {part.key for part, _ in self._storing}
            self._to_record, self._storing = [], deque()
        if not keys:
            return
        try:
            with self._context.db.read() as session:  # a commit that reported an error may have succeeded
                keys -= {part.key for part in upload_parts.parts_of(session, self._upload.id)}
            self._context.files.delete_all(keys)
        except (OSError, SQLAlchemyError) as error:
            log.warning("upload.parts_left", upload=self._upload.id, error=str(error).splitlines()[0])


def _write_at(file: int, data: bytes, position: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, position)
        position += written
        view = view[written:]
