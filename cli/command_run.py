"""What one command reads and writes, and the options of its recipe while it runs."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.progress import progress_display
from core.errors import BadInput
from core.imaging.isolation.level import LEVELS
from core.limits import Limits

if TYPE_CHECKING:
    from core.recipes.options import RunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRun:
    """What one command reads and writes, and where it computes.

    Attributes:
        source: folder of images, or an archive of them.
        out: file to write.
        work: folder of unfinished work; None to save none.
        device: such as cpu or cuda:1; None for a GPU if there is one.
        pretrained_weights: safetensors file that pretrained learners start from; None for the installed package.
    """

    source: Path
    out: Path
    work: Path | None
    device: str | None
    pretrained_weights: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """A run whose checkpoints and scratch folder are open.

    Attributes:
        options: the options of its recipe.
        announce: prints a line above the bars of the progress.
    """

    options: "RunOptions"
    announce: Callable[[str], None]


@contextmanager
def open_run(
    run: CommandRun, *, sources: tuple[Path | None, ...], command: Mapping[str, Any], shows_progress: bool = True
) -> Iterator[OpenRun]:
    """Open the checkpoints, a scratch folder and the progress display of a run, for the length of a block.

    Args:
        run: what it reads and writes.
        sources: the files and folders that the recipe reads; None for one that was not given.
        command: what it does, as JSON; `work` of another command is refused.
        shows_progress: whether this process shows the progress; one of several does.

    Raises:
        BadInput: `work` belongs to another command or other files, or there is no such level of the sandbox.
    """
    from core.recipes.options import RunOptions  # late, because torch takes seconds to load
    from core.runtime.resume import resumable_checkpoints

    given = [source for source in sources if source is not None]
    with (
        resumable_checkpoints(run.work, sources=given, command=command) as checkpoints,
        tempfile.TemporaryDirectory(prefix="unteachable-") as scratch,
        progress_display() if shows_progress else nullcontext() as display,
    ):
        options = RunOptions(
            scratch=Path(scratch),
            on_progress=None if display is None else display.show,
            checkpoints=checkpoints,
            device=run.device,
            limits=decoding_limits(),
            pretrained_weights=run.pretrained_weights,
        )
        yield OpenRun(options=options, announce=print if display is None else display.message)


def decoding_limits() -> Limits:
    """Limits of what a command reads, with the isolation that UNTEACHABLE_SANDBOX_LEVEL demands.

    Raises:
        BadInput: there is no such level.
    """
    level = os.environ.get("UNTEACHABLE_SANDBOX_LEVEL") or LEVELS[0]
    if level not in LEVELS:
        raise BadInput(f"UNTEACHABLE_SANDBOX_LEVEL: must be one of {', '.join(LEVELS)}")
    return Limits(sandbox_level=level)
