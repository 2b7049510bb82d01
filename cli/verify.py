"""`unteachable verify`: the recipe of a verification without the service. Each field of its spec is an option."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.command_run import CommandRun, open_run
from cli.options import (
    DeviceOption,
    SourceArgument,
    WeightsOption,
    WorkOption,
    check_paths,
    without_unset,
)
from cli.refusals import refusals
from core.archive.manifest import read_manifest
from core.errors import BadInput
from core.reports.text_tables import verification_table
from core.results.verification import VerificationReport
from core.runtime.atomic_files import write_bytes
from core.runtime.launcher import require_single_process
from core.specs.catalog import COUNTERMEASURE_INFO, LEARNER_LABELS, NORMS
from core.specs.protect import DEFAULT_RADIUS_A
from core.specs.verify import VerifySpec

ProtectedArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PROTECTED.zip]", help="the protected archive of this dataset; without it, the dataset alone is tested"
    ),
]
OutArgument = Annotated[
    Path, typer.Option(metavar="FILE.json", help="the report to write; its page goes beside it, as .html")
]
Texts = list[str] | None
FIELDS = VerifySpec.spec_fields()


def verify_command(
    source: SourceArgument,
    protected: ProtectedArgument = None,
    out: OutArgument = Path("verification.json"),
    architectures: Annotated[
        Texts, typer.Option("--architectures", help=f"{FIELDS['architectures'].help}: {', '.join(LEARNER_LABELS)}")
    ] = None,
    trainings: Annotated[
        Texts,
        typer.Option(
            "--trainings", metavar="NORM:RADIUS", help=f"{FIELDS['trainings'].help}; norms: {', '.join(NORMS)}"
        ),
    ] = None,
    countermeasures: Annotated[
        Texts,
        typer.Option("--countermeasures", help=f"{FIELDS['countermeasures'].help}: {', '.join(COUNTERMEASURE_INFO)}"),
    ] = None,
    percentages: Annotated[list[int] | None, typer.Option("--percentages", help=FIELDS["percentages"].help)] = None,
    protected_class: Annotated[
        str | None, typer.Option("--protected-class", metavar="NAME", help=FIELDS["protected_class"].help)
    ] = None,
    image_size: Annotated[
        int | None, typer.Option("--image-size", metavar="PIXELS", help=FIELDS["image_size"].help)
    ] = None,
    scale: Annotated[str | None, typer.Option(help=FIELDS["scale"].help, show_default="quick")] = None,
    seeds: Annotated[int | None, typer.Option(help=FIELDS["seeds"].help, show_default="1")] = None,
    work: WorkOption = None,
    device: DeviceOption = None,
    pretrained_weights: WeightsOption = None,
) -> None:
    """Train models on the originals and on their protected copies, and compare.

    Repeat an option to give several values.
    """
    with refusals(source, written=(out, work)):
        require_single_process("verify")
        check_paths(source, out, kind="JSON file")
        page = out.with_suffix(".html")
        if page == out:
            raise BadInput(f"{out} cannot be the JSON file: the HTML page would have the same name")
        if protected is not None and not protected.exists():
            raise BadInput(f"{protected} does not exist")
        options = {
            "architectures": architectures,
            "trainings": None if trainings is None else [_training(text) for text in trainings],
            "countermeasures": countermeasures,
            "percentages": percentages,
            "protected_class": protected_class,
            "image_size": image_size,
            "scale": scale,
            "seeds": seeds,
        }
        radius = DEFAULT_RADIUS_A if protected is None else read_manifest(protected).spec.adversarial_radius
        spec = VerifySpec.parse(without_unset(options), radius_a=radius)
        run = CommandRun(source=source, out=out, work=work, device=device, pretrained_weights=pretrained_weights)
        _verify(run, protected, spec, page)


def _training(text: str) -> Any:
    """'Linf:4' or '4' as the spec takes it. Other text is returned unchanged, and the spec refuses it."""
    norm, _, radius = text.rpartition(":")
    return {"norm": norm or "Linf", "radius": int(radius)} if radius.isdigit() and len(radius) < 10 else text


def _verify(run: CommandRun, protected: Path | None, spec: VerifySpec, page: Path) -> None:
    from core.recipes.options import DatasetSource
    from core.recipes.verify import VerificationTarget, verify  # late, because torch takes seconds to load
    from core.reports.survival import verification_headline
    from core.reports.verification_html import render_verification
    from core.reports.wording import SPACE

    def write(report: VerificationReport) -> None:
        write_bytes(run.out, report.to_json().encode())
        write_bytes(page, render_verification(report).encode())

    sources = (run.source, protected, run.pretrained_weights)
    with open_run(run, sources=sources, command={"verify": spec.to_dict()}) as opened:
        target = None if protected is None else VerificationTarget(archive=protected)
        report = verify(DatasetSource(path=run.source), target, spec, opened.options, on_row=write)
    print(verification_table(report))
    if headline := verification_headline(report):
        print(headline.replace(SPACE, " "))
    print(f"{len(report.evidence.rows)} rows measured in {report.seconds:.0f} s: {run.out}, {page}")
