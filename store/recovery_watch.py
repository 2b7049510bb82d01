"""Whether an expired lease means a lost worker: only where recovery has watched, without a break, while it expired.

When the whole machine sleeps, or everything is suspended, or the database is away, then no worker can renew its lease,
and every lease has expired afterwards. This is no lost worker. The same pause interrupts recovery itself: two of its
rounds lie far apart. After such a gap the workers get the time to renew their leases before one counts as lost.
"""

from datetime import datetime

import structlog

RENEWALS_PER_LEASE = 3  # a worker renews its lease at least so often

log = structlog.get_logger()


class RecoveryWatch:
    """Remembers since when the rounds of one process have followed each other without a gap.

    A gap is measured on the clock by which leases are compared, so a step of that clock counts as a gap too.

    Args:
        lease_seconds: how long a lease lasts.
        recovery_seconds: the time between two rounds.
    """

    def __init__(self, *, lease_seconds: float, recovery_seconds: float) -> None:
        self._settle_seconds = lease_seconds / 2  # more than a renewal takes
        # A worker renewed its lease at most a third of it before a shorter gap, so that some of it is left afterwards.
        self._max_gap_seconds = max(lease_seconds / 2, RENEWALS_PER_LEASE * recovery_seconds)
        self._last: datetime | None = None
        self._since: datetime | None = None

    def observe(self, moment: datetime) -> bool:
        """Note a round of recovery.

        Args:
            moment: the time of the round, as `store.clock.now` has it.

        Returns:
            Whether leases that have expired by `moment` belong to lost workers.
        """
        gap = 0.0 if self._last is None else (moment - self._last).total_seconds()
        if not 0 <= gap <= self._max_gap_seconds:
            log.warning("recovery.pause_noticed", seconds=round(gap, 1))
            self._since = None
        self._last = moment
        if self._since is None:
            self._since = moment
        return (moment - self._since).total_seconds() >= self._settle_seconds
