"""Curves of learners on the originals of a dataset, in the object store: all jobs of the dataset share them."""

import structlog

from store.object_keys import kept_curve_key
from worker.context import WorkerContext

log = structlog.get_logger()


class DatasetCurveStore:
    """A `core.runtime.checkpoints.CheckpointStore` for one dataset, whose files go with it.

    A curve that cannot be read or written is no failure: the learner is trained again.

    Args:
        context: the services of this process.
        dataset_id: the dataset.
    """

    def __init__(self, context: WorkerContext, dataset_id: str) -> None:
        self._context, self._dataset_id = context, dataset_id

    def load(self, name: str) -> bytes | None:
        """Return the curve of this name; None where there is none."""
        try:
            return self._context.files.load(kept_curve_key(self._dataset_id, name))
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("curve.load_failed", dataset=self._dataset_id, name=name, error=str(error))
            return None

    def save(self, name: str, data: bytes) -> None:
        """Store a curve. Two jobs that store the same one store the same bytes."""
        try:
            self._context.files.write(kept_curve_key(self._dataset_id, name), data)
        except OSError as error:
            log.warning("curve.save_failed", dataset=self._dataset_id, name=name, error=str(error))

    def delete(self, name: str) -> None:
        """Delete a curve if it exists."""
        self._context.files.delete(kept_curve_key(self._dataset_id, name))


class ReadOnlyCurveStore(DatasetCurveStore):
    """The same for a helper: the worker that runs the job stores what is to be kept.

    So nothing is stored for a dataset once its last job is over.
    """

    def save(self, name: str, data: bytes) -> None:
        """Do nothing."""
