"""The progress display of every command: a bar for each stage on standard error, and messages above the bars."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.runtime.progress import Step

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressDisplay:
    """Shows the steps and messages of one command."""

    def __init__(self, bars: "Progress") -> None:
        self._bars = bars
        self._stages: dict[str, TaskID] = {}

    def show(self, step: Step) -> None:
        """Move the bar of the step's stage; the bars of earlier stages become full when a new stage begins."""
        if step.stage not in self._stages:
            for stage in self._stages.values():
                self._bars.update(stage, completed=self._bars.tasks[stage].total or 0)
            self._stages[step.stage] = self._bars.add_task(step.stage)
        self._bars.update(self._stages[step.stage], completed=step.done, total=step.total or None)

    def message(self, line: str) -> None:
        """Print a line above the bars."""
        self._bars.console.out(line, highlight=False)


@contextmanager
def progress_display() -> Iterator[ProgressDisplay]:
    """A display for the duration of the context. It has no bars if standard error is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        yield ProgressDisplay(bars)
