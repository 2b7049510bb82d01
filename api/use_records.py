"""Recording when tokens and sessions were last used, in the background: a request must not wait for the write lock."""

import queue
import threading
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

MAX_PENDING = 1000  # further uses are not recorded; the next use of the same token may be
WAIT_SECONDS = 0.25  # in which a database that is not busy has written a use

log = structlog.get_logger(__name__)


class UseRecorder:
    """Writes one use after the other, in a thread that starts with the first one."""

    def __init__(self) -> None:
        self._uses: queue.SimpleQueue[tuple[str, Callable[[], None], threading.Event] | None] = queue.SimpleQueue()
        self._pending: set[str] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def record(self, key: str, write: Callable[[], None]) -> None:
        """Record a use. Returns when it is written, and after `WAIT_SECONDS` at the latest.

        Args:
            key: Identifies what was used. While one use of it waits to be written, others are not recorded.
            write: Writes the use. A database error is logged only: it must not fail the request.
        """
        with self._lock:
            if key in self._pending or len(self._pending) >= MAX_PENDING:
                return
            self._pending.add(key)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="use-records", daemon=True)
                self._thread.start()
        written = threading.Event()
        self._uses.put((key, write, written))
        written.wait(WAIT_SECONDS)

    def close(self) -> None:
        """Let the thread end after the uses that wait."""
        self._uses.put(None)

    def _write_all(self) -> None:
        while (use := self._uses.get()) is not None:
            key, write, written = use
            try:
                write()
            except SQLAlchemyError as error:
                log.warning("use.not_recorded", error=str(error).splitlines()[0])
            finally:
                with self._lock:
                    self._pending.discard(key)
                written.set()
