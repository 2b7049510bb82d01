"""`unteachable protect`: the recipe of a protection without the service. Each field of its spec is an option."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import (
    CommandRun,
    DeviceOption,
    SourceArgument,
    WeightsOption,
    WorkOption,
    add_spec_options,
    check_paths,
    decoding_limits,
    without_unset,
)
from cli.progress import progress_display
from cli.refusals import refusals
from core.errors import BadInput
from core.generators.card import read_card
from core.generators.shipped import resolve_generator_constraints
from core.results.joined_classes import GIVEN
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
    from core.recipes.options import DatasetSource, RunOptions
    from core.recipes.protect import protect  # late, because torch takes seconds to load
    from core.reports.text_tables import evidence_table
    from core.reports.visibility_wording import describe_visibility
    from core.runtime.resume import resumable_checkpoints

    others = None if reference is None else reference.fetch()
    sources = [file for file in (run.source, generator, run.pretrained_weights, others) if file is not None]
    with (
        resumable_checkpoints(run.work, sources=sources, command={"protect": spec.to_dict()}) as checkpoints,
        tempfile.TemporaryDirectory(prefix="unteachable-") as scratch,
        progress_display() as display,
    ):
        options = RunOptions(
            scratch=Path(scratch),
            on_progress=display.show,
            checkpoints=checkpoints,
            device=run.device,
            limits=decoding_limits(),
            pretrained_weights=run.pretrained_weights,
        )
        done = protect(
            DatasetSource(path=run.source, reference=reference),
            run.out,
            spec,
            options,
            generator=generator,
            on_archive=lambda out: display.message(f"{out} is complete; its report follows when all is measured"),
        )
    layout = done.report.dataset.layout or {}
    for sentence in (layout.get("reason", ""), *layout.get("notes", ())):
        typer.echo(sentence, err=True)
    for question in layout.get("questions", ()):
        typer.echo(f"{question['question']} Choose otherwise by --layout or --leave-out.", err=True)
    for problem in layout.get("problems", ()):
        line = f", line {problem['line']}" if problem["line"] else ""
        typer.echo(f"{problem['path']}{line}: {problem['problem']}", err=True)
    print(evidence_table(done.report.evidence))
    for sentence in describe_visibility(done.report.imperceptibility):
        print(sentence)
    print(f"{done.report.dataset.images} images protected in {done.report.seconds:.0f} s: {run.out}")
    for file in done.report.dataset.passed_through:
        if file["kind"] not in ("a file of labels", "text"):
            typer.echo(f"copied without protection {file['path']}: {file['kind']}", err=True)
    for skipped in done.report.dataset.skipped:
        typer.echo(f"skipped {skipped.path}: {skipped.reason}", err=True)
