"""`unteachable verify`: the recipe of a verification without any service. A key of its spec is an option."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.protect import DeviceOption, SourceArgument, WorkOption, check_paths, given, progress_bar, refusals
from core.archive.manifest import read_manifest
from core.errors import BadInput
from core.reports.wording import outcome
from core.results.verification import SIDES, VerifyReport, VerifyRow
from core.runtime.atomic_files import write_bytes
from core.runtime.launcher import alone
from core.specs.countermeasure_catalog import NAMES as COUNTERMEASURES
from core.specs.learner_catalog import ARCHITECTURES, NORMS
from core.specs.protect import DEFAULT_RADIUS_A
from core.specs.protected_class import tested_on
from core.specs.verify import HELP, VerifySpec

ProtectionResult = Annotated[
    Path | None,
    typer.Argument(metavar="[PROTECTED.zip]", help="the archive that was made of it; without, it is tried alone"),
]
OutArgument = Annotated[
    Path, typer.Option(metavar="FILE.json", help="the report to write; its page goes beside it, as .html")
]
Words = list[str] | None


def verify_command(
    source: SourceArgument,
    protected: ProtectionResult = None,
    out: OutArgument = Path("verification.json"),
    architectures: Annotated[
        Words, typer.Option("--architectures", help=f"{HELP['architectures']}: {', '.join(ARCHITECTURES)}")
    ] = None,
    trainings: Annotated[
        Words,
        typer.Option("--trainings", metavar="NORM:RADIUS", help=f"{HELP['trainings']}; norms: {', '.join(NORMS)}"),
    ] = None,
    countermeasures: Annotated[
        Words, typer.Option("--countermeasures", help=f"{HELP['countermeasures']}: {', '.join(COUNTERMEASURES)}")
    ] = None,
    percentages: Annotated[list[int] | None, typer.Option("--percentages", help=HELP["percentages"])] = None,
    protected_class: Annotated[
        str | None, typer.Option("--protected-class", metavar="NAME", help=HELP["protected_class"])
    ] = None,
    scale: Annotated[str | None, typer.Option(help=HELP["scale"], show_default="quick")] = None,
    seeds: Annotated[int | None, typer.Option(help=HELP["seeds"], show_default="1")] = None,
    work: WorkOption = None,
    device: DeviceOption = None,
) -> None:
    """Train models on the originals and on their protected copies, and compare. Lists are options given repeatedly."""
    with refusals(source):
        alone("verify")
        check_paths(source, out, kind="JSON file")
        page = out.with_suffix(".html")
        if page == out:
            raise BadInput(f"{out} is no name for a JSON file: its page would have the same")
        if protected is not None and not protected.exists():
            raise BadInput(f"{protected} does not exist")
        asked = {
            "architectures": architectures,
            "trainings": None if trainings is None else [_training(text) for text in trainings],
            "countermeasures": countermeasures,
            "percentages": percentages,
            "protected_class": protected_class,
            "scale": scale,
            "seeds": seeds,
        }
        radius = DEFAULT_RADIUS_A if protected is None else read_manifest(protected).spec.adversarial_radius
        spec = VerifySpec.parse(given(asked), radius_a=radius)
        _verify(source, protected, spec, out, page, work, device)


def _training(text: str) -> Any:
    """'Linf:4' or '4' as a spec has it; other text as it is, to be refused."""
    norm, _, radius = text.rpartition(":")
    return {"norm": norm or "Linf", "radius": int(radius)} if radius.isdigit() and len(radius) < 10 else text


def _verify(
    source: Path,
    protected: Path | None,
    spec: VerifySpec,
    out: Path,
    page: Path,
    work: Path | None,
    device: str | None,
) -> None:
    from core.recipes.verify import verify
    from core.reports.verification_html import render_verification
    from core.runtime.resume import unfinished  # torch takes seconds to load; bad options should not wait for it

    def keep(report: VerifyReport) -> None:
        write_bytes(out, report.to_json().encode())
        write_bytes(page, render_verification(report).encode())

    sources = [source] if protected is None else [source, protected]
    with (
        unfinished(work, sources=sources, asked={"verify": spec.to_dict()}) as checkpoints,
        tempfile.TemporaryDirectory(prefix="unteachable-") as scratch,
        progress_bar() as show,
    ):
        run: dict[str, Any] = {
            "scratch": Path(scratch),
            "on_progress": show,
            "checkpoints": checkpoints,
            "device": device,
        }
        report = verify(source, protected, spec, on_row=keep, **run)
    print(text_table(report))
    print(f"{len(report.evidence.rows)} rows measured in {report.seconds:.0f} s: {out}, {page}")


def text_table(report: VerifyReport) -> str:
    """The rows in plain text, for a terminal; ends without a newline."""
    head = ("trained", "originals", "protected", "clean rest", "protection")
    cells = [_cells(row, chance=report.evidence.chance) for row in report.evidence.rows]
    widths = [max(len(line[i]) for line in (head, *cells)) for i in range(len(head))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in (head, *cells)]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], _foot(report)])


def _foot(report: VerifyReport) -> str:
    found, name = report.evidence, report.protected_class
    chance, learned = f"{100 * found.chance:.1f}", f"{found.train_images} training images"
    if name is not None:
        return (
            f"{tested_on(found.test_images, name)} Share of them recognized, in %, at {found.image_size} px; naming "
            f"classes evenly gives {chance}; {learned}."
        )
    return (
        f"Accuracy in % on {found.test_images} clean test images at {found.image_size} px; chance {chance}; {learned}."
    )


def _cells(row: VerifyRow, *, chance: float) -> tuple[str, ...]:
    figures = (f"{100 * side.accuracy:.1f}" if (side := row.sides.get(name)) else "" for name in SIDES)
    compared = row.comparison
    return (row.name, *figures, outcome(compared, chance=chance) if compared else "")
