"""`unteachable train`: the recipe of a generator without the service. Each field of its spec is an option."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.command_run import CommandRun, open_run
from cli.options import (
    DeviceOption,
    SourceArgument,
    WorkOption,
    add_spec_options,
    check_paths,
    without_unset,
)
from cli.refusals import refusals
from core.specs.protect import TRAINING_KEYS, ProtectSpec
from core.specs.train import TrainSpec

OutArgument = Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="the trained generator to write")]
NameOption = Annotated[str | None, typer.Option(help="what the generator is called; default: the file's name")]
SizeOption = Annotated[
    int | None,
    typer.Option(help="side in pixels that the generator works at; default: the images' own", metavar="PX"),
]
GreyOption = Annotated[bool, typer.Option("--grey", help=TrainSpec.spec_fields()["grey"].help)]


def train_command(
    source: SourceArgument,
    out: OutArgument,
    name: NameOption = None,
    size: SizeOption = None,
    grey: GreyOption = False,
    work: WorkOption = None,
    device: DeviceOption = None,
    **options: Any,
) -> None:
    """Train a noise generator on the images of a folder or archive, to protect other images with."""
    with refusals(source, written=(out, work)):
        check_paths(source, out, kind="safetensors file")
        spec = TrainSpec(grey=grey, noise=ProtectSpec.parse_training(without_unset(options)))
        command = _command_line(source, out, {"name": name, "size": size, "grey": grey or None, **options})
        run = CommandRun(source=source, out=out, work=work, device=device)
        _train(run, spec, name=name, size=size, command=command)


add_spec_options(train_command, TRAINING_KEYS)


def _command_line(source: Path, out: Path, options: dict[str, Any]) -> str:
    """The command for the generator's card. The card is public, so paths lose their folders."""
    words: list[str] = []
    for name, value in without_unset(options).items():
        words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(["unteachable", "train", source.resolve().name, out.name, *words])


def _train(run: CommandRun, spec: TrainSpec, *, name: str | None, size: int | None, command: str) -> None:
    from core.recipes.options import DatasetSource
    from core.recipes.train import GeneratorOptions, train_generator
    from core.reports.text_tables import evidence_table
    from core.runtime.distributed import process_group, rank

    about = {"train": spec.noise.to_dict(), "grey": spec.grey, "size": size}
    with process_group(run.device) as device_name:
        first = rank() == 0
        on_device = replace(run, device=device_name)
        with open_run(on_device, sources=(run.source,), command=about, shows_progress=first) as opened:
            config = GeneratorOptions(title=name, size=size, greyscale=spec.grey, command=command)
            done = train_generator(DatasetSource(path=run.source), run.out, spec.noise, opened.options, config)
    if not first:
        return
    card = done.card
    print(evidence_table(done.evidence))
    print(
        f"Generator “{card.name}”: {card.method}, radius {card.radius_u}, {card.classes} classes at {card.size} px, "
        f"trained on {card.images} images in {done.seconds:.0f} s: {run.out}"
    )
    print(f"Use it: unteachable protect FOLDER_OR_ARCHIVE OUT.zip --generator {shlex.quote(str(run.out))}")
