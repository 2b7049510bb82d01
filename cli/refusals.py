"""How a command ends when it cannot continue: one clear line on standard error, and an exit status."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from cli.faults import describe_fault
from core.errors import BadInput, SandboxTooWeak, SpecError

REFUSED = 2


@contextmanager
def refusals(
    source: Path | None,
    *,
    written: Sequence[Path | None] = (),
    interrupted: str = "unteachable: stopped; nothing was written",
    interrupted_status: int = REFUSED,
) -> Iterator[None]:
    """Turn an error that the user can correct, and Ctrl-C, into one line and an exit status.

    Args:
        source: file or folder to name if the error of the operating system names none.
        written: files and folders that the command writes; None for one that it does not.
        interrupted: the line that Ctrl-C prints.
        interrupted_status: the exit status after Ctrl-C.

    Raises:
        typer.Exit: status 2 for an error, `interrupted_status` for Ctrl-C.
    """
    try:
        yield
    except SpecError as error:
        _end("unteachable: " + "; ".join(f"--{e.field.replace('_', '-')} {e.message}" for e in error.errors))
    except BadInput as error:
        _end(f"unteachable: {error}")
    except SandboxTooWeak as error:
        _end(f"unteachable: {error}")
    except KeyboardInterrupt:
        _end(interrupted, interrupted_status)
    except Exception as error:
        places = [path for path in written if path is not None]
        if (line := describe_fault(error, source=source, written=places)) is None:
            raise
        _end(f"unteachable: {line}")


def _end(line: str, status: int = REFUSED) -> None:
    typer.echo(line, err=True)  # in one write, because several processes may print at the same time
    raise typer.Exit(status) from None
