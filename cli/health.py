"""`unteachable health`."""

from typing import Annotated

import typer

from ops.health import PROCESSES, process_fault
from store.settings import get_settings


def health_command(process: Annotated[str, typer.Argument(help="api or worker")]) -> None:
    """Check that the API, or each worker of the data folder, works; for the health checks of containers."""
    if process not in PROCESSES:
        raise typer.BadParameter(f"must be one of {', '.join(PROCESSES)}", param_hint="PROCESS")
    if (fault := process_fault(get_settings(), process)) is not None:
        typer.echo(f"unteachable: {fault}", err=True)
        raise typer.Exit(1)
    print("ok")
