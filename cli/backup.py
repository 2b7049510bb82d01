"""`unteachable backup` and `unteachable restore`."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ops.backup import make_backup
from ops.backup_file import BackupRefused
from ops.data_dir import DataDirUnusable, require_data_dir
from ops.instance_lock import AlreadyInUse
from ops.restore import restore_backup
from store.data_folder import make_private
from store.logs import configure_logs
from store.maintenance_mode import AlreadyInMaintenance, MaintenanceLost
from store.settings import Settings, get_settings

FAILED, REFUSED, TERMINATED = 1, 2, 143  # exit statuses


def backup_command(
    out: Annotated[Path, typer.Argument(help="the new file, which only you can read: it holds the signing keys")],
    maintenance: Annotated[
        bool,
        typer.Option(
            "--maintenance", help="meanwhile refuse what writes (503) and begin no job; reading and running jobs go on"
        ),
    ] = False,
) -> None:
    """Back up the database, the signing keys and the stored files into one file, while the service runs."""
    with _one_line_errors():
        made = make_backup(_settings(), out, refuses_writes=maintenance)
    print(f"Backed up the database at revision {made.revision}, the signing keys and {made.objects} stored files.")
    print(f"{made.path}: {made.size:,} bytes. It holds the keys and all images: keep it from others.")
    for key in made.missing:
        typer.echo(f"unteachable: {key} was not in the object store, though the database names it", err=True)
    if made.missing:
        raise typer.Exit(FAILED)


def restore_command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="a file that `unteachable backup` made")],
    replace: Annotated[
        bool, typer.Option("--replace", help="take the place of the database, the keys and the files that are here")
    ] = False,
) -> None:
    """Restore a backup into an empty data folder, database and object store; no process of the service may run."""
    with _one_line_errors():
        done = restore_backup(_settings(), source, replace=replace)
    print(f"Restored the backup of {done.manifest.made_at}: the database, now at revision {done.revision}, and")
    print(f"{done.objects} stored files. This database owns the object store now, as deployment {done.deployment_id}.")
    for key in done.manifest.missing:
        typer.echo(f"unteachable: {key} was missing when the backup was made", err=True)
    if done.other_keys:
        typer.echo(
            "unteachable: UNTEACHABLE_SECRET_KEYS has not the keys of the backup, so browsers have to sign in again, "
            "and earlier links to downloads end; tokens work",
            err=True,
        )


def _settings() -> Settings:
    settings = get_settings()
    make_private(settings)
    configure_logs(settings)
    require_data_dir(settings.home)
    return settings


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does, so that it removes what it has begun."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    except (BackupRefused, AlreadyInMaintenance, AlreadyInUse) as error:
        typer.echo(f"unteachable: {error}", err=True)
        raise typer.Exit(REFUSED) from None
    except (MaintenanceLost, DataDirUnusable) as error:
        typer.echo(f"unteachable: {error}", err=True)
        raise typer.Exit(FAILED) from None
    finally:
        signal.signal(signal.SIGTERM, before)
