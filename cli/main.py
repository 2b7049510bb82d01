"""The `unteachable` command. Each command imports its own dependencies, so that light commands start at once."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from cli.faults import describe_fault
from cli.preconditions import require_private_data_dir, require_usable_services

LAZY_COMMANDS = {  # name to module and function; the module is imported when the command runs or is listed
    "protect": ("cli.protect", "protect_command"),
    "train": ("cli.train", "train_command"),
    "reproduce": ("cli.reproduce", "reproduce_command"),
    "verify": ("cli.verify", "verify_command"),
    "demo": ("ops.demo", "demo"),
    "doctor": ("cli.doctor", "doctor_command"),
    "health": ("cli.health", "health_command"),
    "adopt-store": ("cli.adopt_store", "adopt_store_command"),
    "backup": ("cli.backup", "backup_command"),
    "restore": ("cli.backup", "restore_command"),
}


class LazyGroup(TyperGroup):
    """The commands of this module and those of LAZY_COMMANDS."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, sorted."""
        return sorted({*super().list_commands(ctx), *LAZY_COMMANDS})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, or None."""
        if cmd_name not in LAZY_COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, function = LAZY_COMMANDS[cmd_name]
        single = typer.Typer(add_completion=False)
        single.command(cmd_name)(getattr(import_module(module), function))
        command = typer.main.get_command(single)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Pictures people can see and models can't learn.",
)


@app.command()
def up() -> None:
    """Run the whole service on this machine until Ctrl-C."""
    require_private_data_dir()
    from ops.supervisor import run_up

    raise typer.Exit(run_up())


@app.command()
def token(name: Annotated[str, typer.Option(help="what the token is called in the list of tokens")] = "cli") -> None:
    """Print a new API token of the local admin, and nothing else."""
    require_private_data_dir()
    from ops.admin import create_admin_token

    print(create_admin_token(name))


@app.command()
def link() -> None:
    """Print a new one-time sign-in link of the local admin."""
    require_private_data_dir()
    from ops.admin import create_sign_in_link

    print(create_sign_in_link())


@app.command()
def worker(
    queue: Annotated[
        str,
        typer.Option(
            help="science (every job that the device suits), cpu (jobs that need no GPU), gpu (jobs that need one), "
            "short (protections of little time) or check (uploads)"
        ),
    ] = "science",
    once: Annotated[bool, typer.Option("--once", help="take one job, run it, and end; for autoscalers")] = False,
) -> None:
    """Run one worker process."""
    from store.task_queue import WORKER_NAMES

    if queue not in WORKER_NAMES:
        raise typer.BadParameter(f"must be one of {', '.join(WORKER_NAMES)}", param_hint="--queue")
    require_private_data_dir()
    require_usable_services()
    if once:
        from worker.once import run_once

        raise typer.Exit(run_once(queue))
    from worker.celery_app import run_worker

    raise typer.Exit(run_worker(queue))


@app.command()
def api() -> None:
    """Run the API, with the web pages."""
    require_private_data_dir()
    require_usable_services()
    from ops.serve import serve

    serve()


@app.command()
def migrate() -> None:
    """Migrate the database to the schema of this version."""
    require_private_data_dir()
    from ops.admin import migrate_database

    before, after = migrate_database()
    print(f"The database was at {before or 'nothing'} and is at {after}.")


def _data_dir() -> list[Path]:
    """The data folder, which the commands of the service write; empty if the settings are invalid."""
    from store.settings import get_settings

    try:
        return [get_settings().home]
    except ValidationError:
        return []


def foreign_environment(script: Path, prefix: Path) -> Path | None:
    """Return the virtual environment of a script if another one runs it, as in a copied or moved clone.

    Args:
        script: the file that was started, such as `.venv/bin/unteachable`.
        prefix: the environment whose interpreter and code run.
    """
    environment = script.absolute().parent.parent
    is_environment = (environment / "pyvenv.cfg").is_file()
    return environment if is_environment and environment.resolve() != prefix.resolve() else None


def main() -> None:
    """Run the command line. An invalid setting, and an error of the system, prints one line."""
    if (moved := foreign_environment(Path(sys.argv[0]), Path(sys.prefix))) is not None:
        typer.echo(
            f"unteachable: {moved} was copied or moved and would run the code of {Path(sys.prefix).parent}: run "
            f"`make setup` in {moved.parent}",
            err=True,
        )
        raise SystemExit(2)
    try:
        app()
    except ValidationError as error:
        for problem in error.errors():
            field = "_".join(str(part).upper() for part in problem["loc"])
            name = f"UNTEACHABLE_{field.removeprefix('UNTEACHABLE_')}"
            text = problem["msg"].removeprefix("Value error, ")
            typer.echo(text if text.startswith("UNTEACHABLE") else f"{name}: {text}", err=True)
        raise SystemExit(2) from None
    except Exception as error:
        if (line := describe_fault(error, written=_data_dir())) is None:
            raise
        typer.echo(f"unteachable: {line}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
