"""Arguments and options that commands share, and options made from the fields of a spec."""

import inspect
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import BadInput
from core.specs.base import SpecField
from core.specs.protect import ProtectSpec

SourceArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER_OR_ARCHIVE",
        help="a folder, zip or tar of images, or one image",
    ),
]
WorkOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="save unfinished work in this folder; run the same command again to resume; the folder is removed at the "
        "end",
    ),
]
DeviceOption = Annotated[
    str | None, typer.Option(help="where to compute, such as cpu or cuda:1; default: a GPU if there is one")
]

WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--pretrained-weights",
        metavar="FILE.safetensors",
        envvar="UNTEACHABLE_PRETRAINED_WEIGHTS",
        help="weights of EfficientNet-Lite0 that pretrained learners start from; default: those of the package that "
        "unteachable[pretrained] installs",
    ),
]


def without_unset(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were set; the spec has the defaults of the others.

    Args:
        options: values by option name, None for an option that was not set; empty texts of a list do not count.
    """
    return {
        name: [one for one in value if one] if isinstance(value, list) else value
        for name, value in options.items()
        if value is not None and value != []
    }


def check_paths(source: Path, out: Path, *, kind: str) -> None:
    """Check, before any work, that the source exists and that the output can be written.

    Args:
        source: file or folder to read.
        out: file to write.
        kind: what `out` is, for the message, such as "zip".

    Raises:
        BadInput: there is nothing to read, or `out` cannot be written.
    """
    if not source.exists():
        raise BadInput(f"{source} does not exist")
    if not (source.is_file() or source.is_dir()):
        raise BadInput(f"{source} is neither a file nor a folder: name a folder, zip or tar of images")
    if not os.access(source, os.R_OK):
        raise BadInput(f"{source} cannot be read: this user has no permission")
    folder = out.absolute().parent
    if out.exists() and not out.is_file():
        raise BadInput(f"{out} is no file that can be written: name a {kind} in a folder that exists")
    if not folder.is_dir():
        raise BadInput(f"{out} is no file that can be written: {folder} is no folder that exists")
    if not os.access(folder, os.W_OK):
        raise BadInput(f"{out} is no file that can be written: this user cannot write to {folder}")


def add_spec_options(command: Callable[..., None], names: Collection[str]) -> None:
    """Replace the `**options` of a command by one typed option for each named field of ProtectSpec.

    Args:
        command: function whose signature typer reads; changed in place.
        names: fields of ProtectSpec that become options.
    """
    signature = inspect.signature(command)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = [_option(field) for name, field in ProtectSpec.spec_fields().items() if name in names]
    command.__signature__ = signature.replace(parameters=own + options)  # type: ignore[attr-defined]
    command.__annotations__ |= {option.name: option.annotation for option in options}


def _option(field: SpecField) -> inspect.Parameter:
    name = field.name.replace("_", "-")
    kind: Any = bool if isinstance(field.default, bool) else (str if field.minimum is None else int)
    if field.is_list:
        kind = list[str]
    flag = f"--{name}/--no-{name}" if field.default is True else f"--{name}"
    default = "" if field.default is None or field.default is False else str(field.default)
    option = typer.Option(flag, help=field.help, show_default=name if field.default is True else default or False)
    return inspect.Parameter(  # the default is None, so that an unset option leaves the spec or generator to decide
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )
