"""What a command of the service needs before it begins; where it is missing, the command ends with one line."""

import typer


def require_private_data_dir() -> None:
    """Keep the data folder from other users. Raises typer.Exit after one line where it cannot be used."""
    from ops.data_dir import DataDirUnusable, require_data_dir
    from store.data_folder import make_private
    from store.settings import get_settings

    make_private(get_settings())
    try:
        require_data_dir(get_settings().home)
    except DataDirUnusable as error:
        typer.echo(f"unteachable: {error}", err=True)
        raise typer.Exit(1) from None


def require_usable_services() -> None:
    """Check what the settings name. Raises typer.Exit after one line where something cannot work."""
    from ops import preflight
    from store.logs import configure_logs
    from store.settings import get_settings

    configure_logs(get_settings())
    try:
        preflight.require_usable_services(get_settings())
    except preflight.UnusableSetting as error:
        typer.echo(f"unteachable: {error}", err=True)
        raise typer.Exit(2) from None
