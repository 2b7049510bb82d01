"""`unteachable protect` and `train`: the recipes without any service. A key of a spec is an option of the same name."""

import inspect
import os
import shlex
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import Field, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import BadInput, SpecError
from core.generators.card import read_card
from core.generators.shipped import settled
from core.runtime.launcher import alone
from core.runtime.progress import Callback, Step
from core.specs.protect import OF_TRAINING, ProtectSpec
from core.specs.train import GREY_HELP, TrainSpec

SourceArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER_OR_ARCHIVE", help="class folders of pictures, or a zip or tar of them")
]
OutArgument = Annotated[Path, typer.Argument(metavar="OUT.zip", help="the protected archive to write")]
OutGeneratorArgument = Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="the trained generator to write")]
GeneratorOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="make the noise with this trained generator instead of training; it brings its own method and radii",
    ),
]
NameOption = Annotated[str | None, typer.Option(help="what the generator is called; default: the file's name")]
SizeOption = Annotated[
    int | None,
    typer.Option(help="side in pixels that the generator works at; default: the pictures' own", metavar="PX"),
]
GreyOption = Annotated[bool, typer.Option("--grey", help=GREY_HELP)]
WorkOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="keep unfinished work in this folder: killed, the same command goes on from there; removed at the end",
    ),
]
DeviceOption = Annotated[
    str | None, typer.Option(help="where to compute, such as cpu or cuda:1; default: a GPU if there is one")
]


def protect_command(
    source: SourceArgument,
    out: OutArgument,
    generator: GeneratorOption = None,
    work: WorkOption = None,
    device: DeviceOption = None,
    **asked: Any,
) -> None:
    """Protect the pictures of a folder or archive, and measure before and after."""
    with refusals(source):
        alone("protect")
        check_paths(source, out, kind="zip")
        card = None if generator is None else read_card(generator)
        _protect(source, out, ProtectSpec.parse(settled(given(asked), card)), generator, work, device)


def train_command(
    source: SourceArgument,
    out: OutGeneratorArgument,
    name: NameOption = None,
    size: SizeOption = None,
    grey: GreyOption = False,
    work: WorkOption = None,
    device: DeviceOption = None,
    **asked: Any,
) -> None:
    """Train a noise generator on the pictures of a folder or archive, to protect other pictures with."""
    with refusals(source):
        check_paths(source, out, kind="safetensors file")
        spec = TrainSpec(grey=grey, noise=ProtectSpec.parse_training(given(asked)))
        command = _command(source, out, {"name": name, "size": size, "grey": grey or None, **asked})
        _train(source, out, spec, name=name, size=size, work=work, device=device, command=command)


@contextmanager
def refusals(source: Path) -> Iterator[None]:
    """What people can set right is one clear line and exit status 2."""
    try:
        yield
    except SpecError as error:
        _refuse("; ".join(f"--{e.field.replace('_', '-')} {e.message}" for e in error.errors))
    except BadInput as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"{error.filename or source}: {error.strerror or error}")
    except KeyboardInterrupt:
        _refuse("stopped; nothing was written")


def given(asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked for: the rest is the spec's to fill."""
    return {key: value for key, value in asked.items() if value is not None}


def _command(source: Path, out: Path, asked: dict[str, Any]) -> str:
    """The command for the generator's card: without folders, which are nobody's business."""
    options: list[str] = []
    for key, value in given(asked).items():
        options += [f"--{key.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(["unteachable", "train", source.resolve().name, out.name, *options])


def _train(
    source: Path,
    out: Path,
    spec: TrainSpec,
    *,
    name: str | None,
    size: int | None,
    work: Path | None,
    device: str | None,
    command: str,
) -> None:
    from core.recipes.train import train_generator
    from core.reports.wording import text_table
    from core.runtime.distributed import joined, rank
    from core.runtime.resume import unfinished

    with (
        joined(device) as own,
        unfinished(
            work, sources=[source], asked={"train": spec.noise.to_dict(), "grey": spec.grey, "size": size}
        ) as checkpoints,
        tempfile.TemporaryDirectory(prefix="unteachable-") as scratch,
        progress_bar() if rank() == 0 else nullcontext() as show,
    ):
        first = rank() == 0
        done = train_generator(
            source,
            out,
            spec.noise,
            scratch=Path(scratch),
            on_progress=show,
            checkpoints=checkpoints,
            device=own,
            title=name,
            size=size,
            grey=spec.grey,
            command=command,
        )
    if not first:
        return
    card = done.card
    print(text_table(done.evidence))
    print(
        f"Generator “{card.name}”: {card.method}, radius {card.radius_u}, {card.classes} classes at {card.size} px, "
        f"trained on {card.images} pictures in {done.seconds:.0f} s: {out}"
    )
    print(f"Use it: unteachable protect FOLDER_OR_ARCHIVE OUT.zip --generator {shlex.quote(str(out))}")


def _protect(
    source: Path, out: Path, spec: ProtectSpec, generator: Path | None, work: Path | None, device: str | None
) -> None:
    from core.recipes.protect import protect  # torch takes seconds to load; bad options should not wait for it
    from core.reports.wording import text_table
    from core.runtime.resume import unfinished

    sources = [source] if generator is None else [source, generator]
    with (
        unfinished(work, sources=sources, asked={"protect": spec.to_dict()}) as checkpoints,
        tempfile.TemporaryDirectory(prefix="unteachable-") as scratch,
        progress_bar() as show,
    ):
        run: dict[str, Any] = {
            "scratch": Path(scratch),
            "on_progress": show,
            "checkpoints": checkpoints,
            "device": device,
        }
        done = protect(source, out, spec, generator=generator, **run)
    print(text_table(done.report.evidence))
    print(f"{done.report.dataset.images} pictures protected in {done.report.seconds:.0f} s: {out}")
    for skipped in done.report.dataset.skipped:
        typer.echo(f"skipped {skipped.path}: {skipped.reason}", err=True)


def check_paths(source: Path, out: Path, *, kind: str) -> None:
    """Raises BadInput before any work, where there is nothing to read or nowhere to write."""
    if not source.exists():
        raise BadInput(f"{source} does not exist")
    folder = out.absolute().parent
    if out.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise BadInput(f"{out} is no file that can be written: name a {kind} in a folder that exists")


def _refuse(reason: str) -> None:
    typer.echo(f"unteachable: {reason}", err=True)  # the whole line at once: each of several processes may say it
    raise typer.Exit(2)


@contextmanager
def progress_bar() -> Iterator[Callback]:
    """A bar on standard error, one line a stage; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        stages: dict[str, Any] = {}

        def show(step: Step) -> None:
            if step.stage not in stages:
                for task in stages.values():
                    bar.update(task, completed=bar.tasks[task].total or 0)
                stages[step.stage] = bar.add_task(step.stage)
            bar.update(stages[step.stage], completed=step.done, total=step.total or None)

        yield show


def _with_spec_options(command: Callable[..., None], names: Collection[str]) -> Callable[..., None]:
    """Give `command` an option for each of these fields of the spec, from the spec's own metadata."""
    signature = inspect.signature(command)
    plain = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = [_option(f) for f in fields(ProtectSpec) if f.name in names]
    command.__signature__ = signature.replace(parameters=plain + options)  # type: ignore[attr-defined]
    command.__annotations__ |= {option.name: option.annotation for option in options}
    return command


def _option(field: Field[Any]) -> inspect.Parameter:
    name, help = field.name.replace("_", "-"), field.metadata["help"]
    kind: Any = bool if isinstance(field.default, bool) else (int if "low" in field.metadata else str)
    flag = f"--{name}/--no-{name}" if field.default is True else f"--{name}"
    default = "" if field.default is None or field.default is False else str(field.default)
    option = typer.Option(flag, help=help, show_default=name if field.default is True else default or False)
    return inspect.Parameter(  # None tells what was not asked for: the spec's default or a generator's value holds
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


_with_spec_options(protect_command, [f.name for f in fields(ProtectSpec) if f.name != "generator_id"])
_with_spec_options(train_command, OF_TRAINING)
