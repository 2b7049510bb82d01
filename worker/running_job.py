"""One attempt of a job while it runs, as the handlers receive it."""

from dataclasses import dataclass
from pathlib import Path

from store import leases
from store.leases import Claim, JobResult
from store.object_keys import result_prefix
from worker.context import WorkerContext
from worker.lease_keeper import LeaseKeeper
from worker.stop_reasons import LeaseLost


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """A claimed job with what its handler needs.

    Attributes:
        context: the services of this process.
        claim: the job, and the right to write to it.
        lease: takes the progress, and raises when the work must stop.
        scratch: an empty folder, removed at the end of the attempt.
    """

    context: WorkerContext
    claim: Claim
    lease: LeaseKeeper
    scratch: Path

    @property
    def result_prefix(self) -> str:
        """The prefix of this attempt's results in the object store."""
        return result_prefix(self.claim.job_id, self.claim.attempt)

    def make_folder(self, name: str) -> Path:
        """Create a folder inside `scratch`."""
        folder = self.scratch / name
        folder.mkdir()
        return folder

    def succeed(self, result: JobResult | None = None) -> None:
        """Record that the job succeeded, in its last transaction.

        Args:
            result: the keys of its files; None where it has none.

        Raises:
            LeaseLost: another worker may run the job.
            Cancelled: the work must stop; see `worker.stop_reasons`.
        """
        self.lease.stop_renewing()
        with self.context.database.write.begin() as session:
            if not leases.succeed(session, self.claim, result):
                raise LeaseLost
