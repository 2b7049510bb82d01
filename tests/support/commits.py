"""Simulates a connection that breaks during a commit, before or after the commit takes effect."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session


@contextmanager
def broken_commit(table: type[Any], *, takes_effect: bool) -> Iterator[None]:
    """Make the next commit with a new row of this table raise, after it takes effect or before."""
    once: list[Session] = []

    def saw(session: Session, *_: Any) -> None:
        if any(isinstance(row, table) for row in session.new):
            once.append(session)

    def breaks(session: Session) -> None:
        if once[-1:] == [session]:
            once[:] = []
            raise OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))

    when = "after_commit" if takes_effect else "before_commit"
    event.listen(Session, "before_flush", saw)
    event.listen(Session, when, breaks)
    try:
        yield
    finally:
        event.remove(Session, "before_flush", saw)
        event.remove(Session, when, breaks)
