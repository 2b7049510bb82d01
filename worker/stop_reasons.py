"""Why the work of a job must stop before it is done. A plain `Cancelled` means that the job was canceled."""

from core.errors import Cancelled


class LeaseLost(Cancelled):
    """The lease expired, so another worker may run the job: stop, and write nothing."""


class WorkerStopping(Cancelled):
    """This worker is shutting down: stop, and put the job back into the queue."""


class WorkStalled(LeaseLost):
    """The work reported nothing for very long, so its process is ended and the attempt counts as lost."""


class TimeLimitReached(Cancelled):
    """The job has run for longer than this service allows: it fails."""


class JobWaits(Cancelled):
    """A whole job waits for this worker, which computes a piece of another one: stop, and put the piece back."""
