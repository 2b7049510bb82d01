"""Checkpoints of a job in the object store: what one attempt saves, the next attempt loads."""

from core.runtime.checkpoints import CheckpointStore, PrefixedCheckpointStore
from core.specs.presets import fingerprint
from store import leases, piece_leases
from store.leases import Claim, LeaseStatus
from store.object_keys import checkpoint_key
from store.piece_leases import PieceClaim
from worker.context import WorkerContext
from worker.stop_reasons import LeaseLost


class JobCheckpointStore:
    """A `core.runtime.checkpoints.CheckpointStore` for one attempt of a job, or of a piece of it.

    Args:
        context: the services of this process.
        claim: the attempt's claim.
    """

    def __init__(self, context: WorkerContext, claim: Claim | PieceClaim) -> None:
        self._context = context
        self._claim = claim

    def load(self, name: str) -> bytes | None:
        """Return the checkpoint of this name; None where there is none."""
        try:
            return self._context.files.load(checkpoint_key(self._claim.job_id, name))
        except FileNotFoundError:
            return None

    def save(self, name: str, data: bytes) -> None:
        """Store a checkpoint for the next attempt. Raises LeaseLost where another worker may run the job."""
        self._check_lease()
        self._context.files.write(checkpoint_key(self._claim.job_id, name), data)

    def delete(self, name: str) -> None:
        """Delete a checkpoint if it exists. Raises LeaseLost where another worker may run the job."""
        self._check_lease()
        self._context.files.delete(checkpoint_key(self._claim.job_id, name))

    def _check_lease(self) -> None:
        with self._context.database.read() as session:
            if isinstance(self._claim, PieceClaim):
                status = piece_leases.lease_status(session, self._claim)
            else:
                status = leases.lease_status(session, self._claim)
        if status is LeaseStatus.LOST:
            raise LeaseLost


def job_checkpoints(context: WorkerContext, claim: Claim | PieceClaim) -> CheckpointStore:
    """Return the checkpoints that the recipes of this version can resume from.

    Their prefix is the fingerprint of the presets. After an upgrade that changes the presets a job starts anew: a
    training that is half under the old settings and half under the new ones would match neither.

    Args:
        context: the services of this process.
        claim: the attempt's claim.
    """
    return PrefixedCheckpointStore(JobCheckpointStore(context, claim), fingerprint())
