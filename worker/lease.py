"""The heartbeat of a running job: a thread that renews the lease, writes the progress and hears when to stop.

The work calls `LeaseKeeper.progress` a few times a second; it only leaves the step for the thread to write, so a slow
database never slows the science, and raises once the work must stop. Work that does not stop by itself within
`cancel_seconds` is ended with its process; the pool makes a new one.
"""

import os
import threading
import time
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import Cancelled
from core.runtime.progress import Step
from store import job_events, leases
from store.leases import Claim, JobProgress, LeaseStatus
from worker.context import WorkerContext
from worker.job_files import forget
from worker.stop_reasons import LeaseLost, WorkerStopping

TICK = 0.25  # seconds between two looks of the thread
STUCK = 70  # exit status of a process that was ended because its work did not stop

log = structlog.get_logger()


_running: "LeaseKeeper | None" = None
_stopping = False


def request_process_stop() -> None:
    """This process is to end: the job that runs in it stops and is handed back, and no other is begun."""
    global _stopping
    _stopping = True
    if _running is not None:
        _running.stop(WorkerStopping)


def is_stopping() -> bool:
    """Whether this process is to end, and must begin nothing."""
    return _stopping


def is_running() -> bool:
    """Whether a job runs in this process."""
    return _running is not None


class LeaseKeeper:
    """`with LeaseKeeper(service, claim) as lease:` keeps the claim alive while the block runs."""

    def __init__(self, service: WorkerContext, claim: Claim) -> None:
        self._service = service
        self._claim = claim
        self._step: Step | None = None
        self._verdict: type[Cancelled] | None = None
        self._judged = 0.0
        self._over = threading.Event()
        self._renewed = time.monotonic()
        self._looked = 0.0
        self._thread = threading.Thread(target=self._beat, name=f"heart-{claim.job_id}", daemon=True)

    def __enter__(self) -> Self:
        global _running
        _running = self
        if _stopping:  # since the job was claimed
            self.stop(WorkerStopping)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _running
        _running = None
        self._over.set()
        self._join()

    def rest(self) -> None:
        """Stop beating: the work is done, and its last transaction is next. Raises like `check`."""
        self._over.set()
        self._join()
        self._obey()

    def progress(self, step: Step) -> None:
        """The callback for the work. Raises Cancelled, Lost or Stopped."""
        self._step = step
        self.check()

    def check(self) -> None:
        """Raises Cancelled, Lost or Stopped where the work must end."""
        if self._is_late():
            time.sleep(2 * TICK)  # where all of the process was held up, the thread has yet to look
            if self._is_late():
                self.stop(LeaseLost)  # it waits for a database that says nothing
        self._obey()

    def _obey(self) -> None:
        if self._verdict is not None:
            raise self._verdict

    def stop(self, verdict: type[Cancelled]) -> None:
        """From now on the work must stop; the first verdict counts."""
        if self._verdict is None:
            self._judged = time.monotonic()
            self._verdict = verdict

    def _is_late(self) -> bool:
        """Whether the lease was not renewed for as long as it lasts, so that someone else may have the job by now."""
        return time.monotonic() - self._renewed > self._service.settings.lease_seconds

    def _join(self) -> None:
        """Wait for the thread; one that a silent database holds is left behind, for its claim fences what it writes."""
        self._thread.join(self._service.settings.lease_seconds)

    def _beat(self) -> None:
        while not self._over.wait(TICK):
            try:
                standing = self._look()
            except SQLAlchemyError as error:
                log.warning("heart.database", error=str(error).splitlines()[0])
                standing = LeaseStatus.LOST if self._is_late() else LeaseStatus.HELD
            if standing is LeaseStatus.CANCEL:
                self.stop(Cancelled)
            elif standing is LeaseStatus.LOST:
                self.stop(LeaseLost)
            stuck = self._verdict and time.monotonic() - self._judged > self._service.settings.cancel_seconds
            if stuck and not self._over.is_set():
                self._try_to_end_process()

    def _look(self) -> LeaseStatus:
        """Write what is due, and hear how the claim stands."""
        lease, moment = self._service.settings.lease_seconds, time.monotonic()
        step, self._step = self._step, None
        if step is not None:
            standing = self._write(step)
        elif moment - self._renewed > lease / 3:
            with self._service.database.write.begin() as session:
                standing = leases.renew(session, self._claim, lease_seconds=lease)
        elif moment - self._looked > 2 * TICK:
            with self._service.database.read() as session:
                self._looked = moment
                return leases.lease_status(session, self._claim)
        else:
            return LeaseStatus.HELD
        self._looked = self._renewed = moment
        return standing

    def _write(self, step: Step) -> LeaseStatus:
        progress = JobProgress(stage=step.stage, done=step.done, total=step.total, eta_seconds=step.eta_seconds)
        with self._service.database.write.begin() as session:
            standing = leases.record_progress(
                session, self._claim, progress, lease_seconds=self._service.settings.lease_seconds
            )
        job_events.publish(self._service.settings, self._claim.job_id)
        return standing

    def _try_to_end_process(self) -> None:
        """End this process; where the row cannot be set right just now, try again for a lease."""
        try:
            self._end_process()
        except SQLAlchemyError as error:
            log.warning("heart.cannot_end", error=str(error).splitlines()[0])
            if time.monotonic() - self._judged > self._service.settings.lease_seconds:
                os._exit(STUCK)

    def _end_process(self) -> None:
        """The work did not stop by itself: set the row right, remove what is half done, and end this process."""
        canceled = self._verdict is Cancelled
        if self._verdict is not LeaseLost:
            end = leases.cancel if canceled else leases.release
            with self._service.database.write.begin() as session:
                ours = end(session, self._claim)
            canceled = canceled and ours  # a job that was lost in this very moment is left to whoever has it
        log.warning("job.stuck", attempt=self._claim.attempt, verdict=self._verdict and self._verdict.__name__)
        forget(self._service, self._claim, keep_work=not canceled)
        job_events.publish(self._service.settings, self._claim.job_id)
        os._exit(STUCK)
