"""The current time: the database server's clock where machines share a database, this machine's clock otherwise."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, func, select
from sqlalchemy.orm import Session


def utc_now() -> datetime:
    """Return this machine's time, in UTC."""
    return datetime.now(UTC)


def now(session: Session) -> datetime:
    """Return the time by which leases are compared, in UTC. All workers of one database share this clock.

    Args:
        session: an open transaction; on PostgreSQL the server is asked for its time.
    """
    if session.get_bind().dialect.name == "postgresql":
        clock = func.clock_timestamp(type_=DateTime(timezone=True))
        return session.execute(select(clock)).scalar_one().astimezone(UTC)
    return utc_now()
