"""Work that is interrupted after a known number of steps."""

from core.errors import Cancelled
from core.runtime.progress import Progress, Step


def cancel_at(done: int) -> Progress:
    """Cancels the work after `done` units, before the checkpoint of the last one is saved."""

    def stop(step: Step) -> None:
        if step.done == done:
            raise Cancelled

    return Progress(stop, interval=0.0)
