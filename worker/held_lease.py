"""What a `worker.lease_keeper.LeaseKeeper` keeps: the lease of a job, or of a piece of another worker's job."""

from typing import Protocol

from core.errors import Cancelled
from core.runtime.progress import Step
from store.leases import LeaseStatus


class HeldLease(Protocol):
    """A lease that this process holds. All but `observe` are called by the thread of the lease keeper."""

    @property
    def name(self) -> str:
        """A name for that thread."""
        ...

    def observe(self, step: Step) -> None:
        """Note a step of the work, which calls this."""
        ...

    def close(self) -> None:
        """The work has ended, in whatever way."""
        ...

    def renew(self, step: Step | None) -> LeaseStatus:
        """Extend the lease, and write the progress if there is any that was not written."""
        ...

    def status(self) -> LeaseStatus:
        """Whether the lease holds; changes nothing."""
        ...

    def due_stop(self) -> type[Cancelled] | None:
        """Why the work must stop although the lease holds; None where it may go on."""
        ...

    def abandon(self, reason: type[Cancelled]) -> None:
        """Write that the work ended for a reason, because its process is ended: it did not stop by itself."""
        ...
