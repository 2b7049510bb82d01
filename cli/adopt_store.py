"""`unteachable adopt-store`."""

from typing import Annotated

import typer

from cli.preconditions import require_private_data_dir
from ops.adopt_store import StoreAdoption
from store.settings import get_settings


def adopt_store_command(
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Say that this database owns the object store, as after a restore: stored files without a use may then go."""
    require_private_data_dir()
    settings = get_settings()
    adoption = StoreAdoption(settings)
    try:
        found = adoption.look()
        print(f"Object store: {settings.store}")
        print(f"Now: {found.ownership.reason or 'this database owns the store'}.")
        print(f"Datasets, jobs and generators in the store that this database knows: {found.known}.")
        print(
            f"Unknown ones: {found.unknown}. Their files are set aside once they are a day old, and deleted "
            f"{settings.quarantine_days} days later."
        )
        print(f"Files in quarantine that this database names, which come back: {found.in_quarantine}.")
        if not yes and not typer.confirm("Does this database own the store, and does no other service use it?"):
            raise typer.Exit(1)
        id_, restored = adoption.adopt()
        print(f"Adopted as deployment {id_}; {len(restored)} files came back from quarantine.")
    finally:
        adoption.close()
