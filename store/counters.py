"""Counters of the whole service, in the database: what workers and APIs count, for Prometheus.

Each process adds up what it counts (`store.tally`), and writes it now and then. One that is killed loses the last
seconds of its counts; no job depends on them.
"""

from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from store import models as m
from store.database import Database
from store.tally import Key, tally

LOCK_TIMEOUT_MS = 2000  # a process that is suspended while it writes must not hold up the others
SEPARATOR = "\x1f"  # between the values of labels in the column

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CounterKind:
    """A counter as `/metrics` has it, with `unteachable_` before its name and `_total` after it.

    Attributes:
        name: its name in the database.
        text: what it counts.
        labels: the names of its labels.
    """

    name: str
    text: str
    labels: tuple[str, ...]


COUNTERS = (
    CounterKind("attempts", "Attempts of jobs that ended, by how", ("kind", "outcome")),
    CounterKind("pieces", "Pieces of jobs that other workers claimed and ended, by how", ("kind", "outcome")),
    CounterKind("stage_runs", "Stages of jobs that ended", ("kind", "stage")),
    CounterKind("stage_seconds", "Time in stages of jobs", ("kind", "stage")),
    CounterKind("stage_units", "Units done in stages; images in decoding, noise and writing", ("kind", "stage")),
    CounterKind("store_errors", "Failed calls of the object store", ("reason",)),
    CounterKind("uploads", "Complete uploads that became a dataset, or were refused", ("outcome",)),
    CounterKind("upload_bytes", "Bytes of the uploads that became a dataset", ()),
    CounterKind("sandbox_kills", "Processes that decode or inspect uploads and were ended or crashed", ("reason",)),
)


def write_tally(database: Database) -> None:
    """Add what this process has counted to the counters of the service. A database that is away gets it the next time.

    Args:
        database: where the counters are.
    """
    amounts = tally.take()
    if not amounts:
        return
    try:
        with database.write.begin() as session:
            if not database.is_embedded:
                session.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
            _add(session, amounts)
    except SQLAlchemyError as error:
        log.warning("counters.not_written", error=str(error).splitlines()[0])
        for (name, *labels), amount in amounts.items():
            tally.add(name, *labels, amount=amount)


def read_counters(session: Session) -> dict[Key, float]:
    """Return every counter that is not zero, by its name and the values of its labels.

    Args:
        session: reads the rows.
    """
    rows = session.execute(select(m.Counter.name, m.Counter.labels, m.Counter.value))
    return {(name, *(labels.split(SEPARATOR) if labels else ())): value for name, labels, value in rows}


def _add(session: Session, amounts: dict[Key, float]) -> None:
    """One statement for each counter, always in the same order, so that two processes never wait for each other."""
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    for (name, *labels), amount in sorted(amounts.items()):
        key = {"name": name, "labels": SEPARATOR.join(labels)}
        added = insert(m.Counter).values(**key, value=amount)
        total = m.Counter.value + amount
        session.execute(added.on_conflict_do_update(index_elements=["name", "labels"], set_={"value": total}))
