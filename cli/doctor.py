"""`unteachable doctor`."""

from typing import Annotated

import typer

from ops.doctor import ROLES, run_checks
from store.data_folder import make_private
from store.settings import get_settings


def doctor_command(
    role: Annotated[str, typer.Option(help="api, worker, or all: whose needs are checked")] = "all",
) -> None:
    """Check everything that the service needs, and print what is wrong."""
    if role not in ROLES:
        raise typer.BadParameter(f"must be one of {', '.join(ROLES)}", param_hint="--role")
    make_private(get_settings())
    results = run_checks(role)
    for result in results:
        print(f"{'ok  ' if result.is_ok else 'FAIL'}  {result.name}: {result.text}")
    raise typer.Exit(0 if all(result.is_ok for result in results) else 1)
