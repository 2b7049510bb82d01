"""`unteachable reproduce`: measure a table or figure of the paper with one command."""

from collections.abc import Collection
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from cli.command_run import decoding_limits
from cli.options import DeviceOption
from cli.progress import progress_display
from cli.refusals import refusals
from core.errors import BadInput

INTERRUPTED = 130
ExperimentArgument = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="table1 to table11, figure1 to figure8; see --list")
]
DataOption = Annotated[
    Path | None,
    typer.Option(help="a folder with train/CLASS/* and test/CLASS/*, or CIFAR-10 or CIFAR-100 in its binary form"),
]
OutOption = Annotated[Path | None, typer.Option(help="folder of the results; run again with the same folder to resume")]
ScaleOption = Annotated[
    str, typer.Option("--scale", help="laptop (two cores, an hour or so), gpu (hours), or paper (days)")
]
SeedsOption = Annotated[int, typer.Option(min=1, max=100, help="how often to repeat everything, with seeds 0, 1, …")]
DatasetOption = Annotated[
    str | None,
    typer.Option(help="the dataset of the paper to compare with: cifar10, cifar100 or imagenet; default: guessed"),
]
RowsOption = Annotated[
    list[str] | None,
    typer.Option(help="measure only these rows of a table, such as 4/255; repeat the option for several"),
]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option(help="measure only these columns of a table, such as EM; repeat the option for several"),
]
OfficialOption = Annotated[
    bool,
    typer.Option(
        "--official", help="settle what the papers leave open as their official code does (docs/lab/official-code.md)"
    ),
]
CoresOption = Annotated[
    int | None, typer.Option(min=1, help="how many cores each process uses; default: all, shared evenly")
]


def _list_all(wanted: bool) -> None:
    if wanted:
        from experiments.catalogue import EXPERIMENTS

        for experiment in EXPERIMENTS.values():
            typer.echo(f"{experiment.name:<9} {experiment.title}; learners: {len(experiment.cells)}")
        raise typer.Exit


ListOption = Annotated[
    bool, typer.Option("--list", callback=_list_all, is_eager=True, help="list the experiments and stop")
]


def reproduce_command(
    experiment: ExperimentArgument,
    data: DataOption = None,
    out: OutOption = None,
    scale: ScaleOption = "laptop",
    seeds: SeedsOption = 1,
    dataset: DatasetOption = None,
    rows: RowsOption = None,
    columns: ColumnsOption = None,
    official: OfficialOption = False,
    cores: CoresOption = None,
    device: DeviceOption = None,
    list_all: ListOption = False,
) -> None:
    """Measure a table or figure of the paper (Fu et al., ICLR 2022) and write it beside the paper's numbers."""
    stopped = "stopped; run the same command again to resume"
    with refusals(data, written=(out,), interrupted=stopped, interrupted_status=INTERRUPTED):
        from experiments.catalogue import EXPERIMENTS
        from experiments.paper.grid import DATASETS

        _check_choice("EXPERIMENT", experiment, EXPERIMENTS)
        if dataset is not None:
            _check_choice("--dataset", dataset, DATASETS)
        if data is None or out is None:
            raise BadInput("--data and --out are needed")
        if not data.exists():
            raise BadInput(f"{data} does not exist")

        from core.runtime.device import Device  # late, because torch takes seconds to load
        from core.runtime.distributed import process_group, rank
        from experiments.run import Callbacks, ReproduceConfig, reproduce
        from experiments.scale import SCALES, with_official_details

        _check_choice("--scale", scale, SCALES)
        config = ReproduceConfig(
            scale=with_official_details(SCALES[scale]) if official else SCALES[scale],
            seeds=seeds,
            dataset=dataset,
            rows=tuple(rows or ()),
            columns=tuple(columns or ()),
            limits=decoding_limits(),
        )
        with process_group(device) as device_name, progress_display() if rank() == 0 else nullcontext() as display:
            written = reproduce(
                EXPERIMENTS[experiment],
                data,
                out,
                config,
                device=Device(device_name, cores=cores),
                callbacks=None if display is None else Callbacks(on_message=display.message, on_progress=display.show),
            )
        if display is None:
            return
        page = next(path for path in written if path.suffix == ".md")
        typer.echo(page.read_text())
        typer.echo(f"{', '.join(path.name for path in written)} in {out}")


def _check_choice(what: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise BadInput(f"{what} must be one of {', '.join(known)}, not {value}")
