"""`unteachable reproduce`: a table or figure of the paper, from one command."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from core.errors import BadInput
from core.runtime.progress import Step

INTERRUPTED = 130
Name = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="table1 to table11, figure1 to figure8; see --list")]
Data = Annotated[
    Path | None,
    typer.Option(help="a folder with train/CLASS/* and test/CLASS/*, or CIFAR-10 or CIFAR-100 in its binary form"),
]
Out = Annotated[Path | None, typer.Option(help="where results are kept; the same folder goes on where it stopped")]
ScaleName = Annotated[
    str, typer.Option("--scale", help="laptop (two cores, an hour or so), gpu (hours), or paper (days)")
]
Seeds = Annotated[int, typer.Option(min=1, max=100, help="how many runs of everything, with seeds 0, 1, …")]
Dataset = Annotated[
    str | None, typer.Option(help="cifar10, cifar100 or imagenet: whose numbers to put beside; default: guessed")
]
Rows = Annotated[
    list[str] | None,
    typer.Option(help="of a table measure these rows alone, such as 4/255; may be given several times"),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(help="of a table measure these columns alone, such as EM; may be given several times"),
]
Cores = Annotated[int | None, typer.Option(min=1, help="how many cores each process uses; default: all, shared evenly")]
Device = Annotated[str | None, typer.Option(help="such as cpu or cuda:1; default: a GPU if there is one")]


def _list_all(asked: bool) -> None:
    if asked:
        from experiments.catalogue import EXPERIMENTS

        for experiment in EXPERIMENTS.values():
            typer.echo(f"{experiment.name:<9} {experiment.title}; learners: {len(experiment.cells)}")
        raise typer.Exit


List = Annotated[bool, typer.Option("--list", callback=_list_all, is_eager=True, help="list the experiments and stop")]


def reproduce_command(
    experiment: Name,
    data: Data = None,
    out: Out = None,
    scale: ScaleName = "laptop",
    seeds: Seeds = 1,
    dataset: Dataset = None,
    rows: Rows = None,
    columns: Columns = None,
    cores: Cores = None,
    device: Device = None,
    list_all: List = False,
) -> None:
    """Measure a table or figure of the paper (Fu et al., ICLR 2022) and write it beside the paper's numbers."""
    try:
        _reproduce(experiment, data, out, scale, seeds, dataset, rows or [], columns or [], cores, device)
    except BadInput as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"{error.filename or data}: {error.strerror or error}")
    except KeyboardInterrupt:
        _say("stopped; the same command goes on from here")
        raise typer.Exit(INTERRUPTED) from None


def _reproduce(
    name: str,
    data: Path | None,
    out: Path | None,
    scale_name: str,
    seeds: int,
    dataset: str | None,
    rows: list[str],
    columns: list[str],
    cores: int | None,
    device: str | None,
) -> None:
    from experiments.catalogue import EXPERIMENTS
    from experiments.paper.grid import DATASETS

    _one_of("EXPERIMENT", name, EXPERIMENTS)
    if dataset is not None:
        _one_of("--dataset", dataset, DATASETS)
    if data is None or out is None:
        raise BadInput("--data and --out are needed")
    if not data.exists():
        raise BadInput(f"{data} does not exist")

    from core.runtime.device import (
        Device as Computer,  # torch takes seconds to load; bad options should not wait for it
    )
    from core.runtime.distributed import joined, rank
    from experiments.run import reproduce
    from experiments.scale import SCALES

    _one_of("--scale", scale_name, SCALES)
    with joined(device) as own:
        first = rank() == 0
        written = reproduce(
            EXPERIMENTS[name],
            data,
            out,
            SCALES[scale_name],
            seeds=seeds,
            device=Computer(own, cores=cores),
            say=_say,
            dataset=dataset,
            rows=rows,
            columns=columns,
            on_progress=_show if first and sys.stderr.isatty() else None,
        )
    if not first:
        return
    page = next(path for path in written if path.suffix == ".md")
    typer.echo(page.read_text())
    typer.echo(f"{', '.join(path.name for path in written)} in {out}")


def _one_of(what: str, value: str, known: object) -> None:
    if value not in (names := list(known)):  # type: ignore[call-overload]
        raise BadInput(f"{what} must be one of {', '.join(names)}, not {value}")


def _show(step: Step) -> None:
    """Where the work is, on the terminal's last line."""
    typer.echo(f"\r\033[K{step.stage} {step.done:,}" + (f"/{step.total:,}" if step.total else ""), nl=False, err=True)


def _say(line: str) -> None:
    typer.echo(f"\r\033[K{line}" if sys.stderr.isatty() else line, err=True)


def _refuse(reason: str) -> None:
    _say(f"unteachable: {reason}")
    raise typer.Exit(2)
