"""What a worker process counts, for `/metrics`: attempts that end, and what the science has counted in the process."""

from core.runtime.event_counts import take_event_counts
from store.counters import write_tally
from store.database import Database
from store.leases import Claim
from store.tally import tally


def write_counts(database: Database) -> None:
    """Add what this process has counted since the last call to the counters of the service.

    Args:
        database: where the counters are.
    """
    for (name, reason), times in take_event_counts().items():
        tally.add(name, reason, amount=times)
    write_tally(database)


def count_attempt(claim: Claim, outcome: str) -> None:
    """Count an attempt that ended, for `/metrics`.

    Args:
        claim: the attempt's claim.
        outcome: succeeded, failed, canceled, released (the attempt does not count) or lost.
    """
    tally.add("attempts", claim.kind, outcome)
