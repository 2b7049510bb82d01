"""How long the stages of a job take, counted for `/metrics`, whether the job succeeds or not."""

from core.runtime.awake_clock import awake_seconds
from core.runtime.progress import Step
from store.tally import tally


class StageTimes:
    """Counts the time and the units of each stage of one attempt.

    Args:
        kind: the kind of the job.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._first: Step | None = None  # of the running stage
        self._last: Step | None = None
        self._began = 0.0

    def observe(self, step: Step) -> None:
        """Note a step; the first one of another stage ends the stage before it."""
        if self._last is not None and self._last.stage != step.stage:
            self._end(done=self._last.total)
        if self._first is None:
            self._first, self._began = step, awake_seconds()
        self._last = step

    def end(self) -> None:
        """End the running stage, when the attempt does."""
        if self._last is not None:
            self._end(done=self._last.done)

    def _end(self, *, done: int) -> None:
        assert self._first is not None
        stage = self._first.stage
        tally.add("stage_runs", self._kind, stage)
        tally.add("stage_seconds", self._kind, stage, amount=awake_seconds() - self._began)
        tally.add("stage_units", self._kind, stage, amount=max(0, done - self._first.done))
        self._first = self._last = None
