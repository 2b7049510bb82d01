"""What a worker process has counted goes into the database, with what the science has counted in it."""

from core.runtime.event_counts import take_event_counts
from store.counters import write_tally
from store.database import Database
from store.tally import tally


def write_counts(database: Database) -> None:
    """Add what this process has counted since the last call to the counters of the service.

    Args:
        database: where the counters are.
    """
    for (name, reason), times in take_event_counts().items():
        tally.add(name, reason, amount=times)
    write_tally(database)
