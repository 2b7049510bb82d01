"""One attempt of a job while it runs, as the handlers receive it."""

from dataclasses import dataclass
from pathlib import Path

from store.leases import Claim
from store.object_keys import result_prefix
from worker.context import WorkerContext
from worker.lease_keeper import LeaseKeeper


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
