"""Rows that a worker claims for a while: jobs, and pieces of jobs. The statements that both have in common.

A claim is the pair (worker, attempt) in a running row. Every statement of a worker has it as a condition, so a worker
whose lease expired changes nothing.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from store import models as m

Leased = type[m.Job] | type[m.Piece]


def claimed(rows: Leased, moment: datetime, *, worker: str, lease_seconds: float) -> dict[str, Any]:
    """Return the column values that make a queued row that of a worker.

    Args:
        rows: the table.
        moment: the current time, by the clock of leases.
        worker: a name for the claim, unique among all.
        lease_seconds: how long the claim lasts unless it is renewed.
    """
    lease_until = moment + timedelta(seconds=lease_seconds)
    return {"state": m.RUNNING, "attempt": rows.attempt + 1, "worker": worker, "lease_until": lease_until}


def fence(rows: Leased, key: ColumnElement[bool], *, worker: str, attempt: int) -> ColumnElement[bool]:
    """Return the condition for the row that a worker has claimed, while the claim holds.

    Args:
        rows: the table.
        key: the condition for the row.
        worker: the name of the claim.
        attempt: its number.
    """
    return and_(key, rows.state == m.RUNNING, rows.attempt == attempt, rows.worker == worker)


def freed() -> dict[str, Any]:
    """Return the column values that put a running row back into its queue."""
    return {"state": m.QUEUED, "worker": None, "lease_until": None}


def lost(rows: Leased, moment: datetime, *, expired_are_lost: bool) -> ColumnElement[bool]:
    """Return the condition for running rows whose process has ended, or whose lease has expired.

    Args:
        rows: the table.
        moment: the current time, by the clock of leases.
        expired_are_lost: whether an expired lease means a lost worker, as `store.recovery_watch` decides.
    """
    ended: ColumnElement[bool] = rows.lease_until.is_(None)
    if expired_are_lost:
        ended = or_(ended, rows.lease_until < moment)
    return and_(rows.state == m.RUNNING, ended)
