"""`unteachable protect`: the recipe of a protection without the service. Each field of its spec is an option."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.command_run import CommandRun, open_run
from cli.options import (
    DeviceOption,
    SourceArgument,
    WeightsOption,
    WorkOption,
    add_spec_options,
    check_paths,
    without_unset,
)
from cli.refusals import refusals
from core.errors import BadInput
from core.generators.card import read_card
from core.generators.shipped import resolve_generator_constraints
from core.results.joined_classes import GIVEN
from core.results.protection import ProtectionReport, ReportDataset
from core.runtime.launcher import require_single_process
from core.specs.protect import ProtectSpec

if TYPE_CHECKING:
    from core.recipes.options import ReferenceSource

OutArgument = Annotated[Path, typer.Argument(metavar="OUT.zip", help="the protected archive to write")]
GeneratorOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="make the noise with this trained generator instead of training; its method and radii are used",
    ),
]
ReferenceOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER_OR_ARCHIVE",
        help="for an album: images of other classes, a folder for each, which it joins in its evidence",
    ),
]


def protect_command(
    source: SourceArgument,
    out: OutArgument,
    generator: GeneratorOption = None,
    reference: ReferenceOption = None,
    work: WorkOption = None,
    device: DeviceOption = None,
    pretrained_weights: WeightsOption = None,
    **options: Any,
) -> None:
    """Protect the images of a folder or archive, and measure before and after."""
    with refusals(source, written=(out, work)):
        require_single_process("protect")
        check_paths(source, out, kind="zip")
        card = None if generator is None else read_card(generator)
        spec = ProtectSpec.parse(resolve_generator_constraints(without_unset(options), card))
        run = CommandRun(source=source, out=out, work=work, device=device, pretrained_weights=pretrained_weights)
        _protect(run, spec, generator, _reference(reference))


add_spec_options(protect_command, ProtectSpec.spec_fields().keys() - {"generator_id", "reference_dataset_id"})


def _reference(path: Path | None) -> "ReferenceSource | None":
    from core.recipes.options import ReferenceSource

    if path is None:
        return None
    if not path.exists():
        raise BadInput(f"There is no folder or archive {path}. Name one with images of other classes.")
    return ReferenceSource(origin=GIVEN, fetch=lambda: path)


def _protect(run: CommandRun, spec: ProtectSpec, generator: Path | None, reference: "ReferenceSource | None") -> None:
    from core.recipes.options import DatasetSource
    from core.recipes.protect import protect  # late, because torch takes seconds to load

    others = None if reference is None else reference.fetch()
    sources = (run.source, generator, run.pretrained_weights, others)
    with open_run(run, sources=sources, command={"protect": spec.to_dict()}) as opened:
        done = protect(
            DatasetSource(path=run.source, reference=reference),
            run.out,
            spec,
            opened.options,
            generator=generator,
            on_archive=lambda out: opened.announce(f"{out} is complete; its report follows when all is measured"),
        )
    _print_layout(done.report.dataset)
    _print_report(done.report, run.out)


def _print_layout(dataset: ReportDataset) -> None:
    """How the classes of the images were read, with what is in doubt."""
    layout = dataset.layout or {}
    for sentence in (layout.get("reason", ""), *layout.get("notes", ())):
        typer.echo(sentence, err=True)
    for question in layout.get("questions", ()):
        typer.echo(f"{question['question']} Choose otherwise by --layout or --leave-out.", err=True)
    for problem in layout.get("problems", ()):
        line = f", line {problem['line']}" if problem["line"] else ""
        typer.echo(f"{problem['path']}{line}: {problem['problem']}", err=True)


def _print_report(report: ProtectionReport, out: Path) -> None:
    from core.reports.text_tables import evidence_table
    from core.reports.visibility_wording import describe_visibility

    print(evidence_table(report.evidence))
    for sentence in describe_visibility(report.imperceptibility):
        print(sentence)
    images = report.dataset.images
    print(f"{images} {'image' if images == 1 else 'images'} protected in {report.seconds:.0f} s: {out}")
    for file in report.dataset.passed_through:
        if file["kind"] not in ("a file of labels", "text"):
            typer.echo(f"copied without protection {file['path']}: {file['kind']}", err=True)
    for skipped in report.dataset.skipped:
        typer.echo(f"skipped {skipped.path}: {skipped.reason}", err=True)
